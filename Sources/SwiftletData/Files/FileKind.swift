// FileKind.swift: what a file is by its first bytes.

/// The kind of a file, decided by its contents. Endings matter for words only.
enum FileKind: Sendable, Hashable {
  /// An image that can be decoded.
  case image
  /// A picture or a broken file where an image was meant: `GIF image`, `empty file`.
  case unusable(String)
  /// Anything else: `text file`.
  case document(String)

  /// Bytes of a file that decide.
  static let headBytes = 512

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
    if let (name, isPicture) = Self.signature(head) {
      self = isPicture || hasEnding ? .unusable(name) : .document(name)
      return
    }
    if head.allSatisfy({ $0 == 0 }) {
      self = hasEnding ? .unusable("file of zeros") : .document("file of zeros")
      return
    }
    let words = Self.isText(head) ? Self.textKind(head, name) : "file of another kind"
    self = hasEnding ? .unusable(words) : .document(words)
  }

  /// A file that cannot be opened.
  static func unreadable(_ name: some StringProtocol) -> FileKind {
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

  /// First bytes of formats that are not decoded, and whether they are pictures.
  private static func signature(_ head: [UInt8]) -> (name: String, isPicture: Bool)? {
    for (bytes, name, isPicture) in signatures where head.starts(with: bytes) { return (name, isPicture) }
    if head.dropFirst(4).starts(with: "ftyp".utf8) {
      let brand = String(decoding: head.dropFirst(8).prefix(4), as: UTF8.self)
      switch brand {
      case "heic", "heix", "hevc", "heim", "heis", "mif1", "msf1": return ("HEIC image", true)
      case "avif", "avis": return ("AVIF image", true)
      case "crx ": return ("raw camera image", true)
      default: return ("video", false)
      }
    }
    return nil
  }

  private static let signatures: [(bytes: [UInt8], name: String, isPicture: Bool)] = [
    (Array("GIF8".utf8), "GIF image", true),
    ([0x49, 0x49, 0x2A, 0x00], "TIFF image", true),
    ([0x4D, 0x4D, 0x00, 0x2A], "TIFF image", true),
    (Array("8BPS".utf8), "Photoshop image", true),
    ([0xFF, 0x0A], "JPEG XL image", true),
    ([0, 0, 0, 12, 0x4A, 0x58, 0x4C, 0x20], "JPEG XL image", true),
    ([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20], "JPEG 2000 image", true),
    ([0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000 image", true),
    (Array("P5".utf8) + [0x0A], "PGM image", true),
    (Array("P6".utf8) + [0x0A], "PPM image", true),
    ([0, 0, 1, 0], "icon", true),
    ([0x93] + Array("NUMPY".utf8), "NumPy array", false),
    (Array("%PDF".utf8), "PDF file", false),
    ([0x50, 0x4B, 3, 4], "zip archive", false),
    ([0x1F, 0x8B], "gzip file", false),
    (Array("Rar!".utf8), "RAR archive", false),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "7z archive", false),
  ]

  private static func isText(_ head: [UInt8]) -> Bool {
    !head.contains { $0 < 32 && ![9, 10, 12, 13].contains($0) } || head.starts(with: [0xFF, 0xFE])
      || head.starts(with: [0xFE, 0xFF])
  }

  private static func textKind(_ head: [UInt8], _ name: some StringProtocol) -> String {
    let text = String(decoding: head, as: UTF8.self).lowercased()
      .drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") { return "web page" }
    if text.hasPrefix("version https://git-lfs") { return "Git LFS pointer" }
    if text.contains("<svg") { return "SVG drawing" }
    let ending = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    switch ending {
    case "xml", "json", "csv", "yaml": return "\(ending.uppercased()) file"
    default: return text.hasPrefix("<?xml") ? "XML file" : "text file"
    }
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
      "\(Self.counted(value.count, reason)) (\(value.first)\(value.count > 1 ? ", …" : ""))"
    }.joined(separator: ", ")
  }

  /// `1 text file`, `2 text files`, `2 files of zeros`.
  static func counted(_ count: Int, _ noun: String) -> String {
    guard count != 1 else { return "1 \(noun)" }
    for plural in [("file of", "files of"), ("file that", "files that"), ("archive of", "archives of")]
    where noun.hasPrefix(plural.0) {
      return "\(count) \(plural.1)\(noun.dropFirst(plural.0.count))"
    }
    if noun.hasSuffix("class") { return "\(count) \(noun)es" }
    if noun.hasSuffix("y"), !noun.hasSuffix("ay") { return "\(count) \(noun.dropLast())ies" }
    return "\(count) \(noun)s"
  }
}
