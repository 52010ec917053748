// SigmoidCrossEntropy.swift: the loss of multi-label classification: a yes or no for each class.

/// weight · mean over all elements of max(z, 0) − z · q + log(1 + e^−|z|): the cross-entropy of sigmoid(z) and q, in the
/// form that does not overflow, where q = (1 − smoothing) · target + smoothing / 2.
///
/// Inputs: logits z `[N, C]` and targets `[N, C]` in 0…1: 1 where a class is on the image, or a mixture. Output: a scalar.
/// Targets receive no gradient. (PyTorch's `BCEWithLogitsLoss`; smoothing as in Keras's `BinaryCrossentropy`.)
public struct SigmoidCrossEntropy: GraphOperation {
  public static let name = "sigmoidCrossEntropy"
  /// ε of label smoothing, in [0, 1).
  public var smoothing: Double
  /// A factor of the whole, for sums of several losses.
  public var weight: Double

  /// Creates a loss.
  public init(smoothing: Double = 0, weight: Double = 1) {
    self.smoothing = smoothing
    self.weight = weight
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try SoftmaxCrossEntropy.check(inputs, count: 2)
    guard (0..<1).contains(smoothing) else { throw OperationError("smoothing \(smoothing) is not in [0, 1)") }
    return [TensorType([], inputs[0].scalarType)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let losses = inputs[0].zipped(inputs[1]) { z, target in
      max(z, 0) - z * smoothed(target) + log(1 + exp(-abs(z)))
    }
    return [HostTensor([], [weight * losses.values.reduce(0, +) / Double(losses.values.count)])]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let operation = SigmoidCrossEntropyGradient(smoothing: smoothing, weight: weight)
    return [try context.emit(operation, context.inputs[0], context.inputs[1], dy), nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [(0.0, 1.0), (0.1, 0.5)].map { smoothing, weight in
      Sample(
        Self(smoothing: smoothing, weight: weight),
        [
          HostTensor([3, 5], uniform: -3...3, using: &generator),
          HostTensor([3, 5], uniform: 0...1, using: &generator),
        ])
    }
  }

  /// The smoothed target.
  func smoothed(_ target: Double) -> Double { (1 - smoothing) * target + smoothing / 2 }
}
