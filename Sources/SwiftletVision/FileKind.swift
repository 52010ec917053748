// FileKind.swift: the kinds of files that are no images, by their first bytes.

/// A kind of file that is not decoded, in words: "a PDF document".
package struct FileKind: Hashable, Sendable, CustomStringConvertible {
  /// The noun: "PDF document".
  package let noun: String

  /// Whether it is a picture that is not decoded.
  package var isPicture: Bool {
    ["image", "photograph", "Photoshop", "GIMP", "SVG", "icon", "texture"].contains(where: noun.contains)
  }

  /// The noun with its article.
  package var description: String { "\(Self.article(noun)) \(noun)" }

  /// "a" or "an".
  static func article(_ noun: String) -> String {
    let spoken = noun.split(separator: " ").first.map(String.init) ?? noun
    return ["HTML", "SVG", "MP3", "XML", "XZ", "NumPy", "AVIF"].contains(spoken)
      ? (spoken == "NumPy" ? "a" : "an")
      : "aeioAEIO".contains(noun.first ?? "x") ? "an" : "a"
  }

  /// The bytes from the start of a file that are looked at.
  package static let headBytes = 4096

  /// A kind by its noun.
  package init(_ noun: String) { self.noun = noun }

  /// The kind that the first bytes announce; `nil` for images and for what is unknown.
  package init?(recognizing file: [UInt8]) {
    guard !file.isEmpty else {
      self.init("empty file")
      return
    }
    let bytes = Array(file.prefix(Self.headBytes))
    if let noun = Self.signature(bytes) ?? MediaBrands(bytes)?.noun
      ?? Self.text(bytes, isCut: file.count > bytes.count)
    {
      self.init(noun)
    } else {
      return nil
    }
  }

  /// Fixed bytes at fixed places.
  private static let signatures: [(offset: Int, bytes: [UInt8], noun: String)] = [
    (0, Array("%PDF-".utf8), "PDF document"),
    (0, Array("%!PS".utf8), "PostScript document"),
    (0, Array("PK\u{3}\u{4}".utf8), "zip archive"),
    (0, Array("PK\u{5}\u{6}".utf8), "zip archive"),
    (0, [0x1F, 0x8B], "gzip archive"),
    (0, Array("BZh".utf8), "bzip2 archive"),
    (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "XZ archive"),
    (0, [0x28, 0xB5, 0x2F, 0xFD], "Zstandard archive"),
    (0, [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "7z archive"),
    (0, Array("Rar!".utf8), "RAR archive"),
    (257, Array("ustar".utf8), "tar archive"),
    (0, Array("8BPS".utf8), "Photoshop document"),
    (0, Array("gimp xcf".utf8), "GIMP drawing"),
    (0, [0, 0, 1, 0], "Windows icon"),
    (0, [0xFF, 0x0A], "JPEG XL image"),
    (0, [0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20], "JPEG XL image"),
    (0, [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20], "JPEG 2000 image"),
    (0, [0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000 image"),
    (0, Array("II\u{BC}".unicodeScalars.map { UInt8($0.value) }), "JPEG XR image"),
    (0, Array("FUJIFILMCCD-RAW".utf8), "raw photograph (Fujifilm)"),
    (0, Array("IIRO".utf8), "raw photograph (Olympus)"),
    (0, Array("IIRS".utf8), "raw photograph (Olympus)"),
    (0, Array("IIU\0".utf8), "raw photograph (Panasonic)"),
    (0, Array("FOVb".utf8), "raw photograph (Sigma)"),
    (128, Array("DICM".utf8), "DICOM image"),
    (0, [0x76, 0x2F, 0x31, 0x01], "OpenEXR image"),
    (0, Array("#?RADIANCE".utf8), "Radiance image"),
    (0, Array("DDS ".utf8), "DirectDraw texture"),
    (0, [0x1A, 0x45, 0xDF, 0xA3], "video (Matroska)"),
    (0, Array("FLV".utf8), "video (Flash)"),
    (0, [0, 0, 1, 0xBA], "video (MPEG)"),
    (0, [0, 0, 1, 0xB3], "video (MPEG)"),
    (0, [0x30, 0x26, 0xB2, 0x75], "video (Windows Media)"),
    (0, Array("OggS".utf8), "Ogg recording"),
    (0, Array("ID3".utf8), "MP3 recording"),
    (0, Array("fLaC".utf8), "FLAC recording"),
    (0, [0x93] + Array("NUMPY".utf8), "NumPy array"),
    (0, Array("SQLite format 3".utf8), "SQLite database"),
    (0, [0x7F] + Array("ELF".utf8), "program"),
    (0, Array("MZ".utf8), "program (Windows)"),
    (0, [0xD0, 0xCF, 0x11, 0xE0], "Office document"),
    (0, [0, 5, 0x16, 7], "AppleDouble file"),
    (0, Array("bplist00".utf8), "property list"),
  ]

  private static func signature(_ bytes: [UInt8]) -> String? {
    if bytes.starts(with: "RIFF".utf8) {
      let form = String(decoding: bytes.dropFirst(8).prefix(4), as: UTF8.self)
      return ["AVI ": "video (AVI)", "WAVE": "WAVE recording"][form]
    }
    if let first = bytes.dropFirst().first, bytes[0] == UInt8(ascii: "P"), bytes.count > 2,
      (UInt8(ascii: "1")...UInt8(ascii: "7")).contains(first), [0x0A, 0x0D, 0x20, 0x23].contains(bytes[2])
    {
      return "Netpbm image"
    }
    return signatures.first { bytes.dropFirst($0.offset).starts(with: $0.bytes) }?.noun
  }

  /// Kinds of text, by their first words.
  private static func text(_ bytes: [UInt8], isCut: Bool) -> String? {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return "text file" }
    guard !bytes.contains(where: { $0 < 0x20 && ![0x09, 0x0A, 0x0C, 0x0D, 0x1B].contains($0) || $0 == 0x7F })
    else { return nil }
    // The last character may be cut. Other encodings than UTF-8 pass where most of their bytes are ASCII.
    let isUTF8 = (0..<(isCut ? 4 : 1)).contains {
      String(validating: bytes.dropLast($0), as: UTF8.self) != nil
    }
    let isLatin = bytes.count > 8 && bytes.count(where: { $0 >= 0x80 }) * 3 < bytes.count
    guard isUTF8 || isLatin else { return nil }
    var words = String(decoding: bytes, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
      .lowercased()[...]
    if words.hasPrefix("version https://git-lfs") { return "Git LFS pointer" }
    // Comments and declarations come before the element that says what it is.
    while words.hasPrefix("<!--"), let end = words.firstRange(of: "-->") {
      words = words[end.upperBound...].drop(while: \.isWhitespace)
    }
    if words.hasPrefix("<!doctype html") || words.hasPrefix("<html") || words.hasPrefix("<head")
      || words.hasPrefix("<body")
    {
      return "HTML page"
    }
    if words.hasPrefix("<svg") || words.hasPrefix("<!doctype svg") { return "SVG drawing" }
    if words.hasPrefix("<?xml") {
      if words.contains("<svg") { return "SVG drawing" }
      return words.contains("<html") ? "HTML page" : "XML document"
    }
    return "text file"
  }
}

/// The brands of an ISO base media file (ISO/IEC 14496-12): its `ftyp` box.
struct MediaBrands {
  private let major: String
  private let all: [String]

  /// Reads the box; `nil` where a file does not begin with one.
  init?(_ bytes: [UInt8]) {
    guard bytes.dropFirst(4).starts(with: "ftyp".utf8), bytes.count >= 12 else {
      // QuickTime files of old have no such box.
      let name = String(decoding: bytes.dropFirst(4).prefix(4), as: UTF8.self)
      guard ["moov", "mdat", "wide"].contains(name), bytes.count >= 8 else { return nil }
      (major, all) = ("qt  ", ["qt  "])
      return
    }
    let size = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    let end = min(bytes.count, max(12, min(size, 512)))
    func brand(_ start: Int) -> String { String(decoding: bytes[start..<(start + 4)], as: UTF8.self) }
    major = brand(8)
    all = [major] + stride(from: 16, to: end - 3, by: 4).map(brand)
  }

  /// The format of a still image.
  var format: ImageFormat? {
    func has(_ brands: [String]) -> Bool { brands.contains(where: all.contains) }
    let isVideo = ["isom", "mp41", "mp42", "avc1", "qt  ", "M4V "].contains(major)
    guard !isVideo else { return nil }
    if ["avif", "avis"].contains(major) { return .avif }
    if ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"].contains(major) { return .heic }
    guard ["mif1", "mif2", "msf1", "miaf"].contains(major) else { return nil }
    return has(["avif", "avis"]) && !has(["heic", "heix"]) ? .avif : .heic
  }

  /// What it is where it is no still image.
  var noun: String? {
    guard format == nil else { return nil }
    switch major {
    case "qt  ": return "video (QuickTime)"
    case "crx ": return "raw photograph (Canon)"
    case "M4A ", "M4B ": return "MPEG-4 recording"
    case "jp2 ", "jpx ": return "JPEG 2000 image"
    case _ where major.hasPrefix("3g"): return "video (3GPP)"
    default: return "video (MP4)"
    }
  }
}
