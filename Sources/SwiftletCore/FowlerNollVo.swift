// FowlerNollVo.swift: a small hash that is the same on every machine and in every version.

/// The hash FNV-1a of 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv), taken over words of eight bytes where there are
/// many: it distinguishes values, and is no protection against deliberate collisions.
package struct FowlerNollVo: Sendable {
  /// The hash so far.
  package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Starts a hash.
  package init() {}

  /// Adds a number.
  package mutating func add(_ number: UInt64) { value = (value ^ number) &* 0x100_0000_01B3 }

  /// Adds the bytes of a text, and its length.
  package mutating func add(_ text: String) {
    for byte in text.utf8 { add(UInt64(byte)) }
    add(UInt64(text.utf8.count))
  }

  /// Adds bytes, eight at a time, and their number.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let words = bytes.count / 8
    for word in 0..<words {
      add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self)))
      // A word's high bits reach the low ones only this way.
      value ^= value >> 32
    }
    for byte in bytes.dropFirst(8 * words) { add(UInt64(byte)) }
    add(UInt64(bytes.count))
  }

  /// The hash in hexadecimal digits.
  package var text: String { String(value, radix: 16) }

  /// The hash of bytes, in hexadecimal digits.
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = FowlerNollVo()
    hash.add(bytes)
    return hash.text
  }
}
