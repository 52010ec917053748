// ClassTree.swift: the order and the names of classes.

/// Rules for the names of classes and files.
enum ClassTree {
  /// Order of bytes: the same on every system and in every language, and equal only for equal bytes.
  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  /// Checks the names of classes, which are sorted.
  ///
  /// - Throws: ``DatasetError`` where two are one to a reader, or there are fewer than `least`.
  static func classes(_ names: [String], path: String, least: Int = 2) throws -> [String] {
    // Swift's strings are equal where they are canonically equivalent in Unicode, however their letters are composed.
    var seen: [String: String] = [:]
    for name in names {
      let words = name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if let other = seen.updateValue(name, forKey: words.lowercased()) {
        throw DatasetError.similarClasses(path: path, first: other, second: name)
      }
    }
    guard names.count >= least else { throw DatasetError.tooFewClasses(path: path, count: names.count) }
    return names
  }

  /// A name without the differences that people do not see: case, spaces, underscores, hyphens.
  static func key(_ name: some StringProtocol) -> String {
    name.lowercased().split { $0.isWhitespace || $0 == "_" || $0 == "-" }.joined(separator: " ")
  }

  /// The classes of files by the beginnings of their names: `apple_77.jpg` and `apple-77.jpg` are apples.
  enum NameRule {
    /// Words that cameras, phones and programs begin names with.
    private static let generic: Set<String> = [
      "img", "image", "images", "im", "photo", "photos", "pic", "picture", "dsc", "dscn", "dscf", "frame",
      "screenshot",
      "screen shot", "scan", "file", "pxl", "whatsapp image", "snap", "capture", "cam", "thumb", "untitled",
      "download",
      "crop", "sample", "p", "i", "x", "mvimg", "vid", "gopr", "test", "train", "val", "valid", "n", "a",
    ]

    /// The class of a file's name; `nil` where it does not begin with one.
    static func name(of file: some StringProtocol) -> String? {
      let stem = file.lastIndex(of: ".").map { String(file[..<$0]) } ?? String(file)
      if let end = stem.lastIndex(of: "_"), end > stem.startIndex { return trimmed(stem[..<end]) }
      // A number behind a point, a hyphen or a space, or at once: cat.0.jpg, dog-12.jpg, beagle 3.jpg, "apple (4).jpg".
      var rest = Substring(stem)
      while rest.last == ")" { rest.removeLast() }
      let digits = rest.reversed().prefix { $0.isASCII && $0.isNumber }.count
      guard digits > 0 else { return nil }
      return trimmed(rest.dropLast(digits))
    }

    private static func trimmed(_ name: Substring) -> String? {
      var name = name
      while let last = name.last, "_-. (".contains(last) { name.removeLast() }
      return name.isEmpty || !name.contains(where: \.isLetter) ? nil : String(name)
    }

    /// Whether classes by name are meant, and not numbers that a camera gave.
    static func isPlausible(_ classes: some Collection<String>, files: Int) -> Bool {
      classes.count >= 2 && !classes.allSatisfy { generic.contains(key($0)) }
    }
  }
}
