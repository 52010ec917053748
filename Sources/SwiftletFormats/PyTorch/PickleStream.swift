// PickleStream.swift: bytes, numbers and lines of a pickle, never beyond its end.

/// Why a pickle is not read; the caller adds the file.
enum PickleError: Error {
  case malformed(String)
  case unsupported(String)
  case overLimit(String)
  case refusedGlobal(String)

  /// The same about `file`.
  func inFile(_ file: String) -> FormatError {
    switch self {
    case .malformed(let reason): .malformed(file: file, reason: "pickle: \(reason)")
    case .unsupported(let reason): .unsupported(file: file, reason: "pickle: \(reason)")
    case .overLimit(let reason): .overLimit(file: file, reason: "pickle: \(reason)")
    case .refusedGlobal(let name): .refusedGlobal(file: file, name: name)
    }
  }
}

/// A position in a pickle.
struct PickleStream {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int

  /// Reads `bytes`, which must outlive the stream, from `position` on.
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    self.bytes = bytes
    self.position = min(max(position, 0), bytes.count)
  }

  mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw PickleError.malformed("it ends in the middle") }
    position += 1
    return bytes[position - 1]
  }

  /// Moves past `count` bytes and returns where they are.
  mutating func take(_ count: Int) throws -> Range<Int> {
    guard count >= 0, count <= bytes.count - position else {
      throw PickleError.malformed("it ends in the middle")
    }
    position += count
    return (position - count)..<position
  }

  /// Reads a little-endian number.
  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
    let range = try take(MemoryLayout<Number>.size)
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: type))
  }

  /// Reads a length of 8 bytes.
  mutating func longLength() throws -> Int {
    guard let length = Int(exactly: try number(UInt64.self)) else {
      throw PickleError.malformed("it ends in the middle")
    }
    return length
  }

  /// Reads text of `count` bytes, which must be UTF-8.
  mutating func text(_ count: Int) throws -> String {
    let range = try take(count)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw PickleError.malformed("the text at byte \(range.lowerBound) is not UTF-8")
    }
    return text
  }

  /// Reads a name that a line end closes.
  mutating func line() throws -> String {
    let range = try lineRange(longest: 1024)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw PickleError.malformed("the text at byte \(range.lowerBound) is not UTF-8")
    }
    return text
  }

  /// Moves past a line of at most `longest` bytes, and returns where it is, without its end.
  mutating func lineRange(longest: Int = .max) throws -> Range<Int> {
    guard let end = bytes[position...].prefix(longest).firstIndex(of: 0x0A) else {
      throw PickleError.malformed("the line at byte \(position) has no end")
    }
    let start = position
    position = end + 1
    return start..<end
  }

  /// Reads a whole number in a line of text, as protocols 0 and 1 write it; `nil` where 64 bits cannot hold it.
  mutating func decimal() throws -> Int? {
    let range = try lineRange()
    var digits = bytes[range]
    if digits.last == UInt8(ascii: "L") { digits.removeLast() }
    let isNumber =
      !digits.isEmpty && digits.drop { $0 == UInt8(ascii: "-") }.allSatisfy { (48...57).contains($0) }
    guard isNumber, let text = String(validating: digits, as: UTF8.self) else {
      throw PickleError.malformed("the number at byte \(range.lowerBound) is none")
    }
    return Int(text)
  }
}
