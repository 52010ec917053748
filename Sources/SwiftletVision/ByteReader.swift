// ByteReader.swift: integers out of untrusted bytes: a position outside gives nil, never a trap.

struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private let bigEndian: Bool

  /// Reads from `bytes`, whose first byte is at position 0.
  init(_ bytes: ArraySlice<UInt8>, bigEndian: Bool) {
    self.bytes = bytes
    self.bigEndian = bigEndian
  }

  var count: Int { bytes.count }

  func uint8(at position: Int) -> Int? {
    guard position >= 0, position < bytes.count else { return nil }
    return Int(bytes[bytes.startIndex + position])
  }

  func uint16(at position: Int) -> Int? { integer(at: position, byteCount: 2) }

  func uint32(at position: Int) -> Int? { integer(at: position, byteCount: 4) }

  func uint64(at position: Int) -> UInt64? {
    guard position >= 0, position <= bytes.count - 8 else { return nil }
    let start = bytes.startIndex + position
    let field = bytes[start..<(start + 8)]
    return (bigEndian ? Array(field) : field.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
  }

  func int32(at position: Int) -> Int? {
    uint32(at: position).map { Int(Int32(truncatingIfNeeded: $0)) }
  }

  /// The bytes from `position` on: `count`, or as many as there are.
  func slice(from position: Int, count: Int) -> ArraySlice<UInt8> {
    guard position >= 0, count > 0 else { return [] }
    return bytes.dropFirst(position).prefix(count)
  }

  private func integer(at position: Int, byteCount: Int) -> Int? {
    guard position >= 0, position <= bytes.count - byteCount else { return nil }
    let start = bytes.startIndex + position
    let field = bytes[start..<(start + byteCount)]
    var value = 0
    if bigEndian {
      for byte in field { value = value << 8 | Int(byte) }
    } else {
      for byte in field.reversed() { value = value << 8 | Int(byte) }
    }
    return value
  }
}
