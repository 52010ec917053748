// Distillation.swift: the loss of a student against the softened outputs of a teacher (Hinton et al. 2015, arXiv 1503.02531).

/// weight · T² · mean over rows of KL(softmax(teacher / T) ‖ softmax(z / T)).
///
/// Inputs: logits z `[N, C]` and the teacher's logits `[N, C]`, which receive no gradient. Output: a scalar.
public struct Distillation: GraphOperation {
  public static let name = "distillation"
  /// T: the higher, the more the small probabilities count. T² keeps the gradients' size.
  public var temperature: Double
  /// A factor of the whole.
  public var weight: Double

  /// Creates a loss.
  public init(temperature: Double = 4, weight: Double = 1) {
    self.temperature = temperature
    self.weight = weight
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try SoftmaxCrossEntropy.check(inputs, count: 2)
    guard temperature > 0, temperature.isFinite else {
      throw OperationError("the temperature must be above 0, got \(temperature)")
    }
    return [TensorType([], inputs[0].scalarType)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (z, teacher) = (inputs[0], inputs[1])
    var sum = 0.0
    z.forEachRow { row in
      let (student, wanted) = (
        logOfSum(z.values, row, temperature: temperature),
        logOfSum(teacher.values, row, temperature: temperature)
      )
      for i in row {
        let logProbability = teacher.values[i] / temperature - wanted
        sum += exp(logProbability) * (logProbability - (z.values[i] / temperature - student))
      }
    }
    return [HostTensor([], [weight * temperature * temperature * sum / Double(max(z.shape[0], 1))])]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let operation = DistillationGradient(temperature: temperature, weight: weight)
    return [try context.emit(operation, context.inputs[0], context.inputs[1], dy), nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [1.0, 4.0].map { temperature in
      Sample(
        Self(temperature: temperature, weight: 0.5),
        (0..<2).map { _ in HostTensor([3, 5], uniform: -2...2, using: &generator) })
    }
  }
}
