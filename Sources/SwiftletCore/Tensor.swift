// Tensor.swift: an immutable array of numbers with a shape.

/// An immutable, dense, row-major array: weights, images, logits.
///
/// Tensors are values and `Sendable`. Several tensors may share one `TensorStorage`: a mapped weight file is
/// one storage and a tensor for each name.
public struct Tensor: Sendable {
  /// The dimensions.
  public let shape: Shape
  /// The type of an element.
  public let scalarType: ScalarType
  private let storage: TensorStorage
  private let byteOffset: Int

  /// Creates a tensor over part of a storage.
  ///
  /// - Parameters:
  ///   - shape: the dimensions.
  ///   - scalarType: the type of an element; bytes are little-endian.
  ///   - storage: holds the elements.
  ///   - byteOffset: the offset of the first element in `storage`. No alignment is needed.
  /// - Throws: ``TensorError/outOfBounds(shape:scalarType:byteOffset:storageBytes:)`` where the elements do
  ///   not lie inside the storage.
  package init(shape: Shape, scalarType: ScalarType, storage: TensorStorage, byteOffset: Int = 0) throws {
    let (needed, overflow) = (shape.checkedCount ?? Int.max).multipliedReportingOverflow(
      by: scalarType.byteCount)
    guard !overflow, byteOffset >= 0, byteOffset <= storage.byteCount,
      needed <= storage.byteCount - byteOffset
    else {
      throw TensorError.outOfBounds(
        shape: shape, scalarType: scalarType, byteOffset: byteOffset, storageBytes: storage.byteCount)
    }
    self.shape = shape
    self.scalarType = scalarType
    self.storage = storage
    self.byteOffset = byteOffset
  }

  /// Creates a `float32` tensor.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where `values` does not fill the shape exactly.
  public init(shape: Shape, floats values: [Float]) throws {
    self = try Tensor(shape: shape, scalarType: .float32, elements: values)
  }

  /// Creates a `float32` tensor whose elements `write` fills in; they are zeros before.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where the shape has no sensible count.
  public init(shape: Shape, writingFloats write: (UnsafeMutableBufferPointer<Float>) -> Void) throws {
    guard let count = shape.checkedCount, count <= Int.max / 4 else {
      throw TensorError.countMismatch(shape: shape, count: 0)
    }
    let storage = TensorStorage(byteCount: 4 * count) { write($0.bindMemory(to: Float.self)) }
    self = try Tensor(shape: shape, scalarType: .float32, storage: storage)
  }

  /// Creates a `uint8` tensor.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where `values` does not fill the shape exactly.
  public init(shape: Shape, bytes values: [UInt8]) throws {
    self = try Tensor(shape: shape, scalarType: .uint8, elements: values)
  }

  /// Creates an `int64` tensor.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where `values` does not fill the shape exactly.
  public init(shape: Shape, integers values: [Int64]) throws {
    self = try Tensor(shape: shape, scalarType: .int64, elements: values)
  }

  /// Creates a tensor of any element type from Doubles, each rounded once to the nearest value of the type; of two equally near
  /// ones the even one. Beyond the largest integer the largest is stored, and 0 for NaN; a `bool` is whether
  /// the number differs from 0.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where `values` does not fill the shape exactly.
  public init(shape: Shape, scalarType: ScalarType, rounding values: [Double]) throws {
    guard shape.checkedCount == values.count else {
      throw TensorError.countMismatch(shape: shape, count: values.count)
    }
    let storage = TensorStorage(byteCount: values.count * scalarType.byteCount) { bytes in
      guard let start = bytes.baseAddress else { return }
      for (index, value) in values.enumerated() { scalarType.store(value, start, at: index) }
    }
    self = try Tensor(shape: shape, scalarType: scalarType, storage: storage)
  }

  private init<Element: BitwiseCopyable>(shape: Shape, scalarType: ScalarType, elements: [Element]) throws {
    guard shape.checkedCount == elements.count else {
      throw TensorError.countMismatch(shape: shape, count: elements.count)
    }
    self.shape = shape
    self.scalarType = scalarType
    storage = elements.withUnsafeBytes { source in
      TensorStorage(byteCount: source.count) { $0.copyMemory(from: source) }
    }
    byteOffset = 0
  }

  /// The number of elements.
  public var count: Int { shape.count }

  /// The number of bytes that the elements take.
  public var byteCount: Int { count * scalarType.byteCount }

  /// Calls `body` with the bytes of the elements, which must not be kept. They may be unaligned.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try storage.withUnsafeBytes { all in
      try body(UnsafeRawBufferPointer(rebasing: all[byteOffset..<(byteOffset + byteCount)]))
    }
  }

  /// The elements as 32-bit floats, converted where they are something else.
  public func floats() -> [Float] {
    if scalarType == .float32 { return copied(zero: 0) }
    return withUnsafeBytes { bytes in (0..<count).map { Float(scalarType.load(bytes, at: $0)) } }
  }

  /// Calls `body` with the elements as 32-bit floats: those of the storage where it holds floats at a fitting address, else
  /// a converted copy. They must not be kept.
  public func withFloats<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    if scalarType == .float32 {
      let direct = try withUnsafeBytes { bytes -> Result? in
        guard Int(bitPattern: bytes.baseAddress) % MemoryLayout<Float>.alignment == 0 else { return nil }
        return try body(bytes.bindMemory(to: Float.self))
      }
      if let direct { return direct }
    }
    return try floats().withUnsafeBufferPointer(body)
  }

  /// The elements as Doubles, converted where they are something else.
  public func doubles() -> [Double] {
    if scalarType == .float32 { return copied(zero: Float(0)).map(Double.init) }
    return withUnsafeBytes { bytes in (0..<count).map { scalarType.load(bytes, at: $0) } }
  }

  /// The elements rounded to 16-bit floats (IEEE 754 binary16); values above 65,504 become infinite.
  ///
  /// - Throws: never in practice: each element has its place.
  public func roundedToHalf() throws -> Tensor {
    let values = floats()
    let storage = TensorStorage(byteCount: 2 * values.count) { bytes in
      for (index, value) in values.enumerated() {
        bytes.storeBytes(of: half(value).littleEndian, toByteOffset: 2 * index, as: UInt16.self)
      }
    }
    return try Tensor(shape: shape, scalarType: .float16, storage: storage)
  }

  /// The same elements under another shape; nothing is copied.
  ///
  /// - Throws: ``TensorError/countMismatch(shape:count:)`` where the counts differ.
  public func reshaped(_ shape: Shape) throws -> Tensor {
    guard shape.checkedCount == count else { throw TensorError.countMismatch(shape: shape, count: count) }
    return try Tensor(shape: shape, scalarType: scalarType, storage: storage, byteOffset: byteOffset)
  }

  private func copied<Element: BitwiseCopyable>(zero: Element) -> [Element] {
    withUnsafeBytes { source in
      var result = [Element](repeating: zero, count: count)
      result.withUnsafeMutableBytes { $0.copyMemory(from: source) }
      return result
    }
  }
}

/// Errors in the size of a tensor.
public enum TensorError: Error, Equatable, CustomStringConvertible {
  /// The number of elements given is not the shape's.
  case countMismatch(shape: Shape, count: Int)
  /// The elements would lie outside the storage.
  case outOfBounds(shape: Shape, scalarType: ScalarType, byteOffset: Int, storageBytes: Int)

  public var description: String {
    switch self {
    case .countMismatch(let shape, let count):
      "a tensor of shape \(shape) holds \(shape.checkedCount.map(String.init) ?? "too many") elements, not \(count)"
    case .outOfBounds(let shape, let type, let offset, let bytes):
      "a \(type.shortName) tensor of shape \(shape) at byte \(offset) does not fit in \(bytes) bytes"
    }
  }
}
