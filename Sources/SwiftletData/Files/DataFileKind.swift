// DataFileKind.swift: the use of a file in a data set, by its first bytes.

import SwiftletVision

/// The use of a file, decided by its contents. Endings matter for words only.
enum DataFileKind: Sendable, Hashable {
  /// An image that can be decoded.
  case image
  /// A picture or a broken file where an image was meant: `GIF image`, `empty file`.
  case unusable(String)
  /// Anything else: `text file`.
  case document(String)

  /// Bytes of a file that decide.
  static let headBytes = FileKind.headBytes

  /// The kind of a file.
  ///
  /// - Parameters:
  ///   - head: its first bytes, ``headBytes`` of them or all.
  ///   - byteCount: its size.
  ///   - name: its name; for words only.
  init(head: [UInt8], byteCount: Int, name: some StringProtocol) {
    let hasEnding = Self.hasImageEnding(name)
    guard byteCount > 0 else {
      self = hasEnding ? .unusable("empty file") : .document("empty file")
      return
    }
    // `BM` alone begins many a text: a bitmap also states the size of its header.
    if ImageFormat(recognizing: head) != nil, !head.starts(with: "BM".utf8) || Self.isBitmap(head) {
      self = .image
      return
    }
    if head.allSatisfy({ $0 == 0 }) {
      self = hasEnding ? .unusable("file of zeros") : .document("file of zeros")
      return
    }
    guard let kind = FileKind(recognizing: head) else {
      self = hasEnding ? .unusable("file of another kind") : .document("file of another kind")
      return
    }
    let words = kind.noun == "text file" ? Self.textNoun(name) : kind.noun
    self = hasEnding || kind.isPicture ? .unusable(words) : .document(words)
  }

  /// The noun of a text, by its name's ending.
  private static func textNoun(_ name: some StringProtocol) -> String {
    let ending = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    return ["json", "csv", "yaml"].contains(ending) ? "\(ending.uppercased()) file" : "text file"
  }

  /// A file that cannot be opened.
  static func unreadable(_ name: some StringProtocol) -> DataFileKind {
    hasImageEnding(name) ? .unusable("file that cannot be read") : .document("file that cannot be read")
  }

  // MARK: Recognizing

  /// Endings of image files; lists of images may leave them out.
  static let endings = [
    "jpg", "jpeg", "png", "webp", "bmp", "jfif", "gif", "tif", "tiff", "heic", "heif", "avif", "jpe", "dib",
  ]

  static func hasImageEnding(_ name: some StringProtocol) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return endings.contains(name[name.index(after: dot)...].lowercased())
  }

  private static func isBitmap(_ head: [UInt8]) -> Bool {
    guard head.count >= 18 else { return false }
    let size = head[14..<18].reversed().reduce(0) { $0 << 8 | Int($1) }
    return size >= 12 && size <= 1024
  }
}

/// Files that are left out, counted by reason.
struct LeftOutFiles: Sendable {
  private var counts: [String: (count: Int, first: String)] = [:]

  mutating func add(_ reason: String, _ name: String) {
    counts[reason, default: (0, name)].count += 1
  }

  var isEmpty: Bool { counts.isEmpty }

  /// `3 GIF images (a/x.gif, …), 1 empty file (b/y.jpg)`: the most frequent first.
  var text: String {
    let sorted = counts.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    return sorted.map { reason, value in
      "\(reason.counted(value.count)) (\(value.first)\(value.count > 1 ? ", …" : ""))"
    }.joined(separator: ", ")
  }
}
