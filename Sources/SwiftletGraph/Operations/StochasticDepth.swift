// StochasticDepth.swift: whole residual branches dropped at random in training (Huang et al. 2016, arXiv 1603.09382).

/// Each image's branch x `[N, …]` becomes zero with probability `rate`; the others are divided by 1 − rate. Exists in training
/// graphs only.
///
/// Inputs: x, and the step's number (a scalar). Which images are dropped is a function of seed, step and image alone.
public struct StochasticDepth: GraphOperation {
  public static let name = "stochasticDepth"
  /// The probability of a zero, in [0, 1).
  public var rate: Double
  /// Tells this node's choice from another's.
  public var seed: UInt64

  /// Creates a stochastic depth.
  public init(rate: Double, seed: UInt64) {
    self.rate = rate
    self.seed = seed
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    guard (0..<1).contains(rate) else { throw OperationError("rate \(rate) is not in [0, 1)") }
    guard inputs[0].shape.rank >= 1 else { throw OperationError("a scalar has no images") }
    try expectFloats([inputs[0]])
    try inputs[1].expectStep()
    return [inputs[0]]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let images = x.shape[0]
    var zeros = RandomZeros(rate: rate, seed: seed, step: inputs[1].values[0])
    let factors = (0..<images).map { _ in zeros.drops() ? 0 : 1 / (1 - rate) }
    let size = max(x.values.count / max(images, 1), 1)
    return [HostTensor(x.shape, x.values.indices.map { x.values[$0] * factors[$0 / size] })]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(self, dy, context.inputs[1]), nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [0, 0.5].map { rate in
      Sample(
        Self(rate: rate, seed: 5),
        [HostTensor([6, 2, 3, 2], uniform: -1...1, using: &generator), HostTensor([], [3], .int64)])
    }
  }
}
