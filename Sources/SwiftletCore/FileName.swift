// FileName.swift: names of files as bytes, which need not be UTF-8, in strings.

/// Names of files in strings. A byte that is not part of UTF-8 stands as a scalar of a private plane, so that every name can be
/// kept in a string, compared, and turned into its bytes again.
package enum FileName {
  /// The scalar for byte 0x80; those up to byte 0xFF follow.
  private static let first: UInt32 = 0x10_FF00

  /// The string for a name's bytes, without a NUL at the end.
  package static func string(_ name: some Sequence<UInt8>) -> String {
    let bytes = Array(name)
    var text = ""
    var start = 0
    while start < bytes.count {
      if let (scalar, length) = scalar(bytes[start...]), !isByte(scalar) {
        text.unicodeScalars.append(scalar)
        start += length
      } else {
        if let scalar = Unicode.Scalar(first + UInt32(bytes[start]) - 0x80) {
          text.unicodeScalars.append(scalar)
        }
        start += 1
      }
    }
    return text
  }

  /// The bytes of a name, and a NUL, as the system takes them.
  package static func bytes(of name: String) -> [CChar] {
    var bytes: [CChar] = []
    for scalar in name.unicodeScalars {
      if isByte(scalar) {
        bytes.append(CChar(truncatingIfNeeded: scalar.value - first + 0x80))
      } else {
        bytes += UTF8.encode(scalar).map { $0.map { CChar(bitPattern: $0) } } ?? []
      }
    }
    return bytes + [0]
  }

  /// A name as it may be printed, on one line: control characters, marks that turn the direction of writing, and bytes that are
  /// not UTF-8 are written out, such as `\n`, `\u{202e}` and `\xff`.
  package static func shown(_ name: String) -> String {
    guard name.unicodeScalars.contains(where: isUnprintable) else { return name }
    var text = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where isByte(scalar): text += hexadecimal(scalar.value - first + 0x80)
      case _ where !isUnprintable(scalar): text.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x80: text += hexadecimal(scalar.value)
      default: text += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return text
  }

  private static func hexadecimal(_ byte: UInt32) -> String {
    "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  /// Whether a scalar stands for a byte.
  private static func isByte(_ scalar: Unicode.Scalar) -> Bool {
    (first..<(first + 0x80)).contains(scalar.value)
  }

  private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: isByte(scalar)
    }
  }

  /// The first scalar of valid UTF-8, and its length in bytes.
  private static func scalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    var decoder = UTF8()
    var iterator = bytes.prefix(4).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return (scalar, UTF8.width(scalar))
  }
}
