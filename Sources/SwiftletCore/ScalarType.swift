// ScalarType.swift: the types of a tensor's elements, and their conversion from bytes to numbers.

/// The type of a tensor's elements.
public enum ScalarType: String, Sendable, Hashable, Codable, CaseIterable {
  case float64, float32, float16, bfloat16
  case int64, int32, int16, int8
  case uint64, uint32, uint16, uint8
  case bool

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    case .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8, .bool: false
    }
  }

  /// The short name used by graph dumps: `f32`, `i64`, `u8`.
  public var shortName: String {
    switch self {
    case .float64: "f64"
    case .float32: "f32"
    case .float16: "f16"
    case .bfloat16: "bf16"
    case .int64: "i64"
    case .int32: "i32"
    case .int16: "i16"
    case .int8: "i8"
    case .uint64: "u64"
    case .uint32: "u32"
    case .uint16: "u16"
    case .uint8: "u8"
    case .bool: "bool"
    }
  }

  /// Reads the element at `index` of little-endian `bytes` as a Double. No alignment is assumed.
  package func load(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Double {
    let offset = index &* byteCount
    func integer<T: FixedWidthInteger>(_: T.Type) -> T {
      T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
    switch self {
    case .float64: return Double(bitPattern: integer(UInt64.self))
    case .float32: return Double(Float(bitPattern: integer(UInt32.self)))
    case .float16: return Double(float(half: integer(UInt16.self)))
    case .bfloat16: return Double(Float(bitPattern: UInt32(integer(UInt16.self)) << 16))
    case .int64: return Double(integer(Int64.self))
    case .int32: return Double(integer(Int32.self))
    case .int16: return Double(integer(Int16.self))
    case .int8: return Double(integer(Int8.self))
    case .uint64: return Double(integer(UInt64.self))
    case .uint32: return Double(integer(UInt32.self))
    case .uint16: return Double(integer(UInt16.self))
    case .uint8, .bool: return Double(integer(UInt8.self))
    }
  }
}

/// The value of an IEEE 754 binary16 number. (Swift's `Float16` does not exist on Intel Macs.)
func float(half bits: UInt16) -> Float {
  let sign = UInt32(bits & 0x8000) << 16
  let exponent = UInt32(bits >> 10) & 0x1F
  let fraction = UInt32(bits & 0x3FF)
  switch exponent {
  case 0:
    let magnitude = Float(fraction) * 0x1p-24
    return sign == 0 ? magnitude : -magnitude
  case 0x1F: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
  default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}

/// The binary16 number nearest to a value; of two equally near ones the even one. Values beyond its range become infinite.
func half(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
  // 65520 and more: halfway between the largest number and the next power of two.
  if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
  if magnitude < 0x3880_0000 {
    // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴.
    let units = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
    return sign | UInt16(units)
  }
  // Thirteen bits go; a carry into the exponent is right as it is.
  let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
  return sign | UInt16(truncatingIfNeeded: (rounded >> 13) - (112 << 10))
}
