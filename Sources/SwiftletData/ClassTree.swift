// ClassTree.swift: image files in folders, and classes by folder or file name; shared by folders and zips.

/// The image files below one folder.
struct ClassTree {
  /// Endings of image files. Only listing uses them; decoding looks at the bytes.
  static let endings = ["jpg", "jpeg", "jpe", "png", "webp", "bmp"]
  /// The names of the folders of a split; of several for validation the first counts.
  static let training = "train", validation = ["val", "valid", "validation", "test"]

  /// The folder's path in errors.
  let path: String
  /// Sub-folders with the paths of all image files at any depth, from the data set's root.
  var folders: [(name: String, images: [String])] = []
  /// Image files that lie in the folder itself.
  var loose: [String] = []

  /// Files with classes.
  struct Labeled {
    var classes: [String] = []
    var files: [String] = []
    var labels: [Int] = []
  }

  static func isImage(_ name: some StringProtocol) -> Bool {
    guard !isHidden(name), let dot = name.lastIndex(of: ".") else { return false }
    return endings.contains(name[name.index(after: dot)...].lowercased())
  }

  /// Names that file managers and archivers leave behind.
  static func isHidden(_ name: some StringProtocol) -> Bool { name.hasPrefix(".") || name == "__MACOSX" }

  /// Order of bytes: the same on every system and in every language, and equal only for equal bytes.
  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  /// Finds the classes and numbers them in the order of their names.
  ///
  /// - Parameter known: the classes of the training images, where these are for validation.
  /// - Throws: ``DatasetError``.
  func labeled(known: [String]? = nil) throws -> Labeled {
    var groups: [(name: String, images: [String])]
    if folders.contains(where: { !$0.images.isEmpty }) {
      groups = folders
      if let empty = folders.first(where: \.images.isEmpty) {
        throw DatasetError.emptyClass(path: "\(path)/\(empty.name)")
      }
    } else {
      // Sub-folders without any image beside images are something else, such as annotations.
      guard !loose.isEmpty else {
        if let empty = folders.first { throw DatasetError.emptyClass(path: "\(path)/\(empty.name)") }
        throw DatasetError.noImages(path: path)
      }
      groups = try groupsByName()
    }
    groups.sort { Self.precedes($0.name, $1.name) }
    let classes = try known ?? Self.classes(groups.map(\.name), path: path)
    var result = Labeled(classes: classes)
    for group in groups {
      guard let label = classes.firstIndex(of: group.name) else {
        throw DatasetError.unknownClass(path: path, name: group.name)
      }
      let images = group.images.sorted(by: Self.precedes)
      result.files += images
      result.labels += [Int](repeating: label, count: images.count)
    }
    return result
  }

  /// `apple_77.jpg` is an apple.
  private func groupsByName() throws -> [(name: String, images: [String])] {
    var groups: [(name: String, images: [String])] = []
    for image in loose.sorted(by: Self.precedes) {
      let file = image.split(separator: "/").last ?? ""
      guard let end = file.lastIndex(of: "_"), end > file.startIndex else {
        throw DatasetError.noClassInName(path: "\(path)/\(file)")
      }
      let name = String(file[..<end])
      // Sorted names have their prefixes in one run each, except where one prefix begins another.
      if let last = groups.indices.last, groups[last].name.utf8.elementsEqual(name.utf8) {
        groups[last].images.append(image)
      } else if let index = groups.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
        groups[index].images.append(image)
      } else {
        groups.append((name, [image]))
      }
    }
    return groups
  }

  /// Checks the names of classes, which are sorted.
  ///
  /// - Throws: ``DatasetError`` where two are one to a reader, or there are fewer than two.
  static func classes(_ names: [String], path: String) throws -> [String] {
    // Swift's strings are equal where they are canonically equivalent in Unicode, however their letters are composed.
    var seen: [String: String] = [:]
    for name in names {
      let words = name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if let other = seen.updateValue(name, forKey: words.lowercased()) {
        throw DatasetError.similarClasses(path: path, first: other, second: name)
      }
    }
    guard names.count >= 2 else { throw DatasetError.tooFewClasses(path: path, count: names.count) }
    return names
  }
}
