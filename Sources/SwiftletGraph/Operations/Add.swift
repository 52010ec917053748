// Add.swift: the sum of two tensors: shortcuts, and gradients that meet.

/// a + b, of one shape.
public struct Add: GraphOperation {
  public static let name = "add"

  /// Creates an addition.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    try expectFloats(inputs)
    guard inputs[0].shape == inputs[1].shape else {
      throw OperationError("cannot add \(inputs[1].shape) to \(inputs[0].shape)")
    }
    return [inputs[0]]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] { [inputs[0].zipped(inputs[1], +)] }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [dy, dy]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let shapes: [Shape] = [[2, 3, 2, 4], [3, 5]]
    return shapes.map { shape in
      Sample(Self(), (0..<2).map { _ in HostTensor(shape, uniform: -1...1, using: &generator) })
    }
  }
}
