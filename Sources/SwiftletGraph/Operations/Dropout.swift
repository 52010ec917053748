// Dropout.swift: random zeros in training (Srivastava et al. 2014).

/// Each element is dropped with probability `rate`; the others are divided by 1 − rate. Exists in training graphs
/// only.
///
/// Inputs: x, and the step's number (a scalar). Which elements are dropped is a function of seed, step and index
/// alone, so the operation is its own gradient and results do not depend on threads.
public struct Dropout: GraphOperation {
  public static let name = "dropout"
  /// The probability of a zero, in [0, 1).
  public var rate: Double
  /// Tells this node's zeros from another's.
  public var seed: UInt64

  /// Creates a dropout.
  public init(rate: Double, seed: UInt64) {
    self.rate = rate
    self.seed = seed
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    guard (0..<1).contains(rate) else { throw OperationError("rate \(rate) is not in [0, 1)") }
    try expectFloats([inputs[0]])
    try inputs[1].expectStep()
    return [inputs[0]]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    var zeros = RandomZeros(rate: rate, seed: seed, step: inputs[1].values[0])
    return [inputs[0].mapped { zeros.drops() ? 0 : $0 / (1 - rate) }]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(self, dy, context.inputs[1]), nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [0, 0.2, 0.8].map { rate in
      let x = HostTensor([3, 40], uniform: -1...1, using: &generator)
      return Sample(Self(rate: rate, seed: 3), [x, HostTensor([], [17], .int64)])
    }
  }
}
