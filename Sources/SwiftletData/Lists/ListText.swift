// ListText.swift: the bytes of a list as UTF-8, whatever encoding it is in.

import SwiftletFormats

/// The text of a list.
struct ListText {
  /// The text in UTF-8, without a byte order mark.
  let bytes: [UInt8]
  /// The encoding, where it is not UTF-8.
  let encoding: String?

  /// Decodes a file: UTF-8 or UTF-16 by its mark or its zeros, otherwise UTF-8 where that is valid, otherwise Windows-1252
  /// (which has Latin-1's letters in Latin-1's places).
  ///
  /// - Throws: ``DatasetError`` where it is neither.
  init(_ file: UnsafeRawBufferPointer, path: String) throws {
    if file.starts(with: [0xEF, 0xBB, 0xBF]) {
      (bytes, encoding) = (Array(file.dropFirst(3)), nil)
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw DatasetError.malformed(path: path, reason: "it begins as UTF-8, but is not; save it as UTF-8")
      }
      return
    }
    let isWide = Self.isWide(Array(file.prefix(512)))
    if isWide || file.starts(with: [0xFF, 0xFE]) || file.starts(with: [0xFE, 0xFF]) {
      let isMarked = file.starts(with: [0xFF, 0xFE]) || file.starts(with: [0xFE, 0xFF])
      let isBig = isMarked ? file[0] == 0xFE : file[0] == 0
      let body = isMarked ? file.dropFirst(2) : file[...]
      var units: [UInt16] = []
      units.reserveCapacity(body.count / 2)
      var position = body.startIndex
      while position + 1 < body.endIndex {
        let (first, second) = (UInt16(body[position]), UInt16(body[position + 1]))
        units.append(isBig ? first << 8 | second : second << 8 | first)
        position += 2
      }
      guard body.count % 2 == 0, let text = String(validating: units, as: UTF16.self) else {
        throw DatasetError.malformed(path: path, reason: "it begins as UTF-16, but is not; save it as UTF-8")
      }
      (bytes, encoding) = (Array(text.utf8), "UTF-16")
      return
    }
    if String(validating: file, as: UTF8.self) != nil {
      (bytes, encoding) = (Array(file), nil)
      return
    }
    var text = String.UnicodeScalarView()
    var (pairs, letters) = (0, 0)
    for (position, byte) in file.enumerated() {
      guard let scalar = Self.windows1252(byte) else {
        throw DatasetError.malformed(
          path: path, reason: "its text is neither UTF-8 nor Windows-1252; save it as UTF-8")
      }
      if byte >= 0x80 {
        letters += 1
        if position > 0, file[position - 1] >= 0x80 { pairs += 1 }
      }
      text.append(scalar)
    }
    // Letters beyond ASCII come one at a time in western languages, and in pairs in double-byte encodings.
    guard 3 * pairs <= letters else {
      throw DatasetError.malformed(
        path: path, reason: "its text is neither UTF-8 nor a western encoding; save it as UTF-8")
    }
    (bytes, encoding) = (Array(String(text).utf8), "Windows-1252")
  }

  /// Whether every second byte, or nearly, is zero.
  static func isWide(_ head: [UInt8]) -> Bool {
    guard head.count >= 4 else { return false }
    let pairs = head.count / 2
    let even = (0..<pairs).count { head[2 * $0] == 0 }
    let odd = (0..<pairs).count { head[2 * $0 + 1] == 0 }
    return (2 * even > pairs && odd == 0) || (2 * odd > pairs && even == 0)
  }

  /// The letters of Windows-1252 in 0x80…0x9F; 0 where there is none.
  private static let letters: [UInt32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
    0x017D, 0,
    0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,
    0x017E,
    0x0178,
  ]

  private static func windows1252(_ byte: UInt8) -> Unicode.Scalar? {
    guard (0x80...0x9F).contains(byte) else { return Unicode.Scalar(byte) }
    let code = letters[Int(byte) - 0x80]
    return code == 0 ? nil : Unicode.Scalar(code)
  }
}
