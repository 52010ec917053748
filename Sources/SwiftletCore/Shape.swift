// Shape.swift: the dimensions of a tensor. Feature maps are [N, H, W, C] throughout (NHWC).

/// The dimensions of a tensor, outermost first.
///
/// Feature maps are `[batch, height, width, channels]` everywhere in Swiftlet; convolution kernels are
/// `[height, width, input channels, output channels]`, depthwise kernels `[height, width, channels]`, and
/// linear weights `[inputs, outputs]`.
public struct Shape: Hashable, Sendable, Codable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The size of each dimension.
  public let dimensions: [Int]

  /// Creates a shape from the sizes of its dimensions.
  public init(_ dimensions: [Int]) { self.dimensions = dimensions }

  /// Creates a shape from a literal: `[1, 224, 224, 3]`.
  public init(arrayLiteral elements: Int...) { dimensions = elements }

  /// The number of dimensions; 0 for a scalar.
  public var rank: Int { dimensions.count }

  /// The number of elements; 1 for a scalar. Traps on overflow: see ``checkedCount`` for untrusted sizes.
  public var count: Int { dimensions.reduce(1, *) }

  /// The number of elements, or `nil` where a dimension is negative or the product overflows.
  public var checkedCount: Int? {
    var product = 1
    for dimension in dimensions {
      guard dimension >= 0 else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      product = next
    }
    return product
  }

  /// The size of one dimension; negative indices count from the innermost, as in `shape[-1]`.
  public subscript(index: Int) -> Int { dimensions[index < 0 ? dimensions.count + index : index] }

  /// `1×224×224×3`, or `scalar`.
  public var description: String {
    dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "×")
  }

  public init(from decoder: any Decoder) throws {
    dimensions = try decoder.singleValueContainer().decode([Int].self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(dimensions)
  }
}
