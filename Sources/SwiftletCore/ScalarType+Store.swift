// ScalarType+Store.swift: conversion from numbers to the bytes of an element, and from a tensor to another type.

extension ScalarType {
  /// Writes `value` as the element at `index`, little-endian: rounded once to the nearest, and for integers clamped to their
  /// range. NaN becomes 0 in an integer. No alignment is assumed.
  package func store(_ value: Double, _ bytes: UnsafeMutableRawPointer, at index: Int) {
    let target = bytes + index &* byteCount
    func put<T: FixedWidthInteger & BitwiseCopyable>(_ bits: T) {
      target.storeBytes(of: bits.littleEndian, as: T.self)
    }
    func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
      let rounded = value.rounded(.toNearestOrEven)
      put(T(exactly: rounded) ?? (value.isNaN ? 0 : value < 0 ? T.min : T.max))
    }
    switch self {
    case .float64: put(value.bitPattern)
    case .float32: put(Float(value).bitPattern)
    case .float16: put(half(oddly(value)))
    case .bfloat16: put(bfloat(oddly(value)))
    case .int64: integer(Int64.self)
    case .int32: integer(Int32.self)
    case .int16: integer(Int16.self)
    case .int8: integer(Int8.self)
    case .uint64: integer(UInt64.self)
    case .uint32: integer(UInt32.self)
    case .uint16: integer(UInt16.self)
    case .uint8: integer(UInt8.self)
    case .bool: put(UInt8(value == 0 ? 0 : 1))
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

/// The float next to a value whose last bit is 1 where anything was cut off ("round to odd"): rounding it again to fewer bits
/// gives the same as rounding the value once.
private func oddly(_ value: Double) -> Float {
  let nearest = Float(value)
  guard nearest.isFinite, Double(nearest) != value else { return nearest }
  let lower = Double(nearest).magnitude > value.magnitude
  // The neighbor towards zero, then its last bit set.
  let truncated = lower ? nearest.bitPattern - 1 : nearest.bitPattern
  return Float(bitPattern: truncated | 1)
}

/// The bfloat16 number nearest to a value; of two equally near ones the even one.
private func bfloat(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
}
