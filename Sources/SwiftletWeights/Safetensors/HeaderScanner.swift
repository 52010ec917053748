// HeaderScanner.swift: reads JSON (RFC 8259) token by token out of bytes in memory.
//
// The usual decoders drop repeated keys, recurse as deeply as the text nests and read 1e3 as an integer. This
// one passes each key to its caller, never recurses, and keeps nothing but its results.

/// An error in a piece of JSON; the caller adds the file.
struct ScanError: Error {
  let reason: String
}

/// A position in JSON text.
struct HeaderScanner {
  /// Values that are skipped may be nested this deeply.
  static let deepestNesting = 64

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// Scans `bytes`, which must outlive the scanner.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next byte that is not white space, or `nil` at the end.
  mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    return nil
  }

  /// Moves past `byte` if it is next.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  /// Moves past `byte`, which must be next.
  mutating func expect(_ byte: Unicode.Scalar) throws {
    guard take(byte) else { throw unexpected("'\(byte)'") }
  }

  /// Reads `{ "key": value, … }`, calling `member` with each key, in front of its value.
  mutating func object(_ member: (inout HeaderScanner, String) throws -> Void) throws {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try member(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Reads `[1, 2, …]`, whole numbers, `limit` of them at most.
  mutating func integers(limit: Int) throws -> [Int] {
    try expect("[")
    var result: [Int] = []
    if take("]") { return result }
    repeat {
      guard result.count < limit else { throw ScanError(reason: "a list has more than \(limit) numbers") }
      result.append(try integer())
    } while take(",")
    try expect("]")
    return result
  }

  /// Reads a whole number that is not negative, without fraction or exponent.
  mutating func integer() throws -> Int {
    guard let first = peek(), Self.isDigit(first) else { throw unexpected("a whole number") }
    let start = position
    var value = 0
    while position < bytes.count, Self.isDigit(bytes[position]) {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position] &- 0x30))
      guard !overflow, !carry else { throw ScanError(reason: "the number at byte \(start) is too large") }
      value = sum
      position += 1
    }
    guard first != 0x30 || position - start == 1 else {
      throw ScanError(reason: "the number at byte \(start) begins with a zero")
    }
    if position < bytes.count, [0x2E, 0x65, 0x45].contains(bytes[position]) {
      throw ScanError(reason: "the number at byte \(start) is not a whole number")
    }
    return value
  }

  /// Reads a string, which must be sound UTF-8 with sound escapes.
  mutating func string() throws -> String {
    guard peek() == 0x22 else { throw unexpected("a string") }
    position += 1
    let start = position
    // Most strings have no escapes: they are taken as they are.
    while position < bytes.count, bytes[position] != 0x22, bytes[position] != 0x5C, bytes[position] >= 0x20 {
      position += 1
    }
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case 0x22:
        guard let string = String(validating: text, as: UTF8.self) else {
          throw ScanError(reason: "the string at byte \(start) is not UTF-8")
        }
        return string
      case 0x5C: text.append(contentsOf: Array(String(try escaped()).utf8))
      case 0..<0x20: throw ScanError(reason: "the string at byte \(start) holds a control character")
      default: text.append(byte)
      }
    }
    throw ScanError(reason: "the string at byte \(start) has no end")
  }

  /// Reads the rest of an escape, after the backslash.
  private mutating func escaped() throws -> Unicode.Scalar {
    guard position < bytes.count else { throw unexpected("an escape") }
    position += 1
    switch bytes[position - 1] {
    case 0x22: return "\""
    case 0x5C: return "\\"
    case 0x2F: return "/"
    case 0x62: return "\u{8}"
    case 0x66: return "\u{C}"
    case 0x6E: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75:
      let unit = try fourDigits()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      guard unit < 0xDC00, position + 2 <= bytes.count, bytes[position] == 0x5C, bytes[position + 1] == 0x75
      else { break }
      position += 2
      let low = try fourDigits()
      guard (0xDC00..<0xE000).contains(low),
        let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
      else { break }
      return scalar
    default: break
    }
    throw ScanError(reason: "the escape before byte \(position) has no meaning")
  }

  private mutating func fourDigits() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count,
        let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
      else { throw unexpected("four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// Moves past one value of any kind, which must be sound JSON.
  mutating func skipValue() throws {
    var closers: [Unicode.Scalar] = []
    value: while true {
      switch peek() {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard closers.count < Self.deepestNesting else {
          throw ScanError(reason: "values are nested more than \(Self.deepestNesting) deep")
        }
        let isObject = take("{")
        if !isObject { try expect("[") }
        if take(isObject ? "}" : "]") { break }
        closers.append(isObject ? "}" : "]")
        if isObject { try skipKey() }
        continue value
      case UInt8(ascii: "\""): _ = try string()
      case UInt8(ascii: "t"): try word("true")
      case UInt8(ascii: "f"): try word("false")
      case UInt8(ascii: "n"): try word("null")
      default: try skipNumber()
      }
      // A value has ended: its container may end too.
      while let closer = closers.last {
        if take(",") {
          if closer == "}" { try skipKey() }
          continue value
        }
        try expect(closer)
        closers.removeLast()
      }
      return
    }
  }

  private mutating func skipKey() throws {
    _ = try string()
    try expect(":")
  }

  private mutating func skipNumber() throws {
    let start = position
    if position < bytes.count, bytes[position] == 0x2D { position += 1 }
    let digits = skipDigits()
    guard digits > 0 else { throw unexpected("a value") }
    if digits > 1, bytes[position - digits] == 0x30 {
      throw ScanError(reason: "the number at byte \(start) begins with a zero")
    }
    if position < bytes.count, bytes[position] == 0x2E {
      position += 1
      guard skipDigits() > 0 else { throw unexpected("a digit") }
    }
    if position < bytes.count, bytes[position] == 0x65 || bytes[position] == 0x45 {
      position += 1
      if position < bytes.count, bytes[position] == 0x2B || bytes[position] == 0x2D { position += 1 }
      guard skipDigits() > 0 else { throw unexpected("a digit") }
    }
  }

  private mutating func skipDigits() -> Int {
    let start = position
    while position < bytes.count, Self.isDigit(bytes[position]) { position += 1 }
    return position - start
  }

  /// Moves past a word such as `null`.
  mutating func word(_ word: String) throws {
    _ = peek()
    guard bytes[position...].starts(with: word.utf8) else { throw unexpected("a value") }
    position += word.utf8.count
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private func unexpected(_ wanted: String) -> ScanError {
    guard position < bytes.count else { return ScanError(reason: "it ends where \(wanted) is expected") }
    return ScanError(reason: "\(wanted) is expected at byte \(position)")
  }
}
