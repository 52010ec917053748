// ScalarType+Store.swift: how a number becomes the bytes of an element, and a tensor those of another type.

extension ScalarType {
  /// Writes `value` as the element at `index`, little-endian: rounded to the nearest, and for integers clamped to their range.
  /// What is not a number becomes 0 in an integer. No alignment is assumed.
  package func store(_ value: Double, _ bytes: UnsafeMutableRawPointer, at index: Int) {
    let target = bytes + index &* byteCount
    func integer<T: FixedWidthInteger>(_: T.Type) {
      let rounded = value.rounded(.toNearestOrEven)
      let number: T =
        rounded.isNaN ? 0 : T(exactly: rounded) ?? (rounded < 0 ? T.min : T.max)
      target.storeBytes(of: number.littleEndian, as: T.self)
    }
    switch self {
    case .float64: target.storeBytes(of: value.bitPattern.littleEndian, as: UInt64.self)
    case .float32: target.storeBytes(of: Float(value).bitPattern.littleEndian, as: UInt32.self)
    case .float16: target.storeBytes(of: half(Float(value)).littleEndian, as: UInt16.self)
    case .bfloat16: target.storeBytes(of: bfloat(Float(value)).littleEndian, as: UInt16.self)
    case .int64: integer(Int64.self)
    case .int32: integer(Int32.self)
    case .int16: integer(Int16.self)
    case .int8: integer(Int8.self)
    case .uint64: integer(UInt64.self)
    case .uint32: integer(UInt32.self)
    case .uint16: integer(UInt16.self)
    case .uint8: integer(UInt8.self)
    case .bool: target.storeBytes(of: value == 0 ? 0 : 1, as: UInt8.self)
    }
  }
}

extension Tensor {
  /// Writes the elements to memory for `count` elements of a type, converted where they have another one.
  package func copy(to target: UnsafeMutableRawPointer, as type: ScalarType) {
    if scalarType == type {
      withUnsafeBytes { source in
        if let start = source.baseAddress { target.copyMemory(from: start, byteCount: source.count) }
      }
    } else {
      withUnsafeBytes { source in
        for index in 0..<count { type.store(scalarType.load(source, at: index), target, at: index) }
      }
    }
  }
}

/// The bfloat16 number nearest to a value; of two equally near ones the even one.
func bfloat(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
}
