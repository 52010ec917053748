// TensorType.swift: the static type of a value: its shape and the type of its elements.
@_exported import SwiftletCore

/// The shape and the element type of a value in a graph. Both are static.
public struct TensorType: Hashable, Sendable, Codable, CustomStringConvertible {
  /// The dimensions; feature maps are `[N, H, W, C]`.
  public let shape: Shape
  /// The type of an element.
  public let scalarType: ScalarType

  /// Creates a type; values are `float32` by default.
  public init(_ shape: Shape, _ scalarType: ScalarType = .float32) {
    self.shape = shape
    self.scalarType = scalarType
  }

  /// Bytes that a value of this type takes.
  public var byteCount: Int { shape.count * scalarType.byteCount }

  /// `f32[1,224,224,3]`.
  public var description: String {
    "\(scalarType.shortName)[\(shape.dimensions.map(String.init).joined(separator: ","))]"
  }
}
