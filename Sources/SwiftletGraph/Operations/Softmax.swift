// Softmax.swift: logits to probabilities.

/// y = eˣ / Σ eˣ over the innermost dimension, computed after subtracting the largest logit.
public struct Softmax: GraphOperation {
  public static let name = "softmax"

  /// Creates a softmax.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    try expectFloats(inputs)
    guard inputs[0].shape.rank >= 1 else { throw OperationError("a scalar has no classes") }
    return inputs
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    var y = x
    for row in 0..<(x.values.count / max(x.channels, 1)) {
      let range = (row * x.channels)..<((row + 1) * x.channels)
      let largest = x.values[range].max() ?? 0
      for i in range { y.values[i] = exp(x.values[i] - largest) }
      let sum = y.values[range].reduce(0, +)
      for i in range { y.values[i] /= sum }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(SoftmaxGradient(), context.outputs[0], dy)]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [Sample(Self(), [HostTensor([3, 5], uniform: -3...3, using: &generator)])]
  }
}
