// HostTensor.swift: an array of Doubles with a shape, the currency of the reference backend.

/// A mutable, row-major array of Doubles, on which ``GraphOperation/reference(_:)`` computes.
public struct HostTensor: Sendable, Equatable {
  /// The dimensions.
  public let shape: Shape
  /// The elements, `shape.count` of them.
  public var values: [Double]
  /// The element type of its value in the graph; the elements are Doubles whatever it is.
  public private(set) var scalarType = ScalarType.float32

  /// Creates a tensor whose elements are all `value`.
  public init(_ shape: Shape, repeating value: Double = 0) {
    self.shape = shape
    values = [Double](repeating: value, count: shape.count)
  }

  /// Creates a tensor from its elements.
  ///
  /// - Precondition: there are `shape.count` of them.
  public init(_ shape: Shape, _ values: [Double], _ scalarType: ScalarType = .float32) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.shape = shape
    self.values = values
    self.scalarType = scalarType
  }

  /// The elements of a stored tensor, as Doubles.
  public init(_ tensor: Tensor) {
    shape = tensor.shape
    values = tensor.doubles()
    scalarType = tensor.scalarType
  }

  /// Draws every element from [low, high).
  public init(_ shape: Shape, uniform range: ClosedRange<Double>, using generator: inout SeededGenerator) {
    self.shape = shape
    values = (0..<shape.count).map { _ in generator.uniform(range.lowerBound, range.upperBound) }
  }

  /// Elements that are pairwise at least 2/count apart, in random order: safe for a maximum's derivative.
  public init(_ shape: Shape, distinctUsing generator: inout SeededGenerator) {
    self.shape = shape
    let count = max(shape.count, 1)
    values = (0..<shape.count).map { 2 * Double($0) / Double(count) - 1 }.shuffled(using: &generator)
  }

  /// Its type, as a graph sees it.
  public var type: TensorType { TensorType(shape, scalarType) }

  /// The same elements for a value of another element type; nothing is rounded.
  func cast(to scalarType: ScalarType) -> HostTensor {
    var result = self
    result.scalarType = scalarType
    return result
  }

  /// The elements rounded once, to ``scalarType``.
  ///
  /// - Throws: never in practice: the count is the shape's by construction.
  public func tensor() throws -> Tensor {
    try Tensor(shape: shape, scalarType: scalarType, rounding: values)
  }

  /// Each element replaced by `transform` of it.
  func mapped(_ transform: (Double) -> Double) -> HostTensor {
    HostTensor(shape, values.map(transform), scalarType)
  }

  /// Each pair of elements combined; the shapes must be equal.
  func zipped(_ other: HostTensor, _ combine: (Double, Double) -> Double) -> HostTensor {
    HostTensor(shape, zip(values, other.values).map(combine), scalarType)
  }

  /// The size of the innermost dimension.
  var channels: Int { shape[-1] }

  /// Calls `body` with each element's flat index and its channel.
  func forEachChannel(_ body: (_ index: Int, _ channel: Int) -> Void) {
    let channels = max(self.channels, 1)
    for row in 0..<(values.count / channels) {
      for channel in 0..<channels { body(row * channels + channel, channel) }
    }
  }
}
