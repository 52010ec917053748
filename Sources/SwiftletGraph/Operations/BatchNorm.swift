// BatchNorm.swift: batch normalization with stored statistics (Ioffe and Szegedy 2015, arXiv 1502.03167).

/// y = scale · (x − mean) / √(variance + ε) + offset, per channel: the inference form, also used in training
/// while statistics are frozen.
///
/// Inputs: x `[…, C]`, then scale, offset, mean and variance, each `[C]`.
public struct BatchNorm: GraphOperation {
  public static let name = "batchNorm"
  /// ε, which the sources disagree on: 1e-5, 1e-3 (see `Dialect`).
  public var epsilon: Double

  /// Creates the inference form.
  public init(epsilon: Double) { self.epsilon = epsilon }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try Self.check(inputs, count: 5)
    return [inputs[0]]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    [Self.normalize(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], epsilon)]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let operation = BatchNormGradient(epsilon: epsilon, usesBatchStatistics: false)
    let all = try context.emitAll(
      operation, [context.inputs[0], context.inputs[1], context.inputs[3], context.inputs[4], dy])
    return [all[0], all[1], all[2], nil, nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let shapes: [Shape] = [[2, 3, 2, 4], [3, 5]]
    return shapes.map { shape in
      Sample(BatchNorm(epsilon: 1e-3), inputs(shape, &generator))
    }
  }

  /// x, scale, offset, mean, variance for tests; the variance is positive.
  static func inputs(_ shape: Shape, _ generator: inout SeededGenerator) -> [HostTensor] {
    [HostTensor(shape, uniform: -2...2, using: &generator)]
      + [0.5...1.5, -1...1, -1...1, 0.5...2].map {
        HostTensor([shape[-1]], uniform: $0, using: &generator)
      }
  }

  /// Throws unless there are `count` inputs and all but the first are `[C]`.
  static func check(_ inputs: [TensorType], count: Int) throws {
    try expectCount(inputs, count...count)
    try expectFloats(inputs)
    guard inputs[0].shape.rank >= 1 else { throw OperationError("a scalar has no channels") }
    for (input, what) in zip(inputs.dropFirst(), ["scale", "offset", "mean", "variance"]) {
      try input.expect([inputs[0].shape[-1]], what)
    }
  }

  static func normalize(
    _ x: HostTensor, _ scale: HostTensor, _ offset: HostTensor, _ mean: HostTensor, _ variance: HostTensor,
    _ epsilon: Double
  ) -> HostTensor {
    let factor = scale.zipped(variance) { $0 / ($1 + epsilon).squareRoot() }
    var y = x
    x.forEachChannel { index, c in
      y.values[index] = (x.values[index] - mean.values[c]) * factor.values[c] + offset.values[c]
    }
    return y
  }
}
