// DistillationGradient.swift: the gradient of the distillation loss.

/// dz = weight · T · (softmax(z / T) − softmax(teacher / T)) / N · dloss.
package struct DistillationGradient: GraphOperation {
  package static let name = "distillationGradient"
  /// T.
  package var temperature: Double
  /// The factor of the loss.
  package var weight: Double

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try SoftmaxCrossEntropy.check(inputs, count: 3)
    try inputs[2].expect([], "the loss's gradient")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (z, teacher) = (inputs[0], inputs[1])
    let factor = weight * temperature * inputs[2].values[0] / Double(max(z.shape[0], 1))
    var dz = z
    z.forEachRow { row in
      let (student, wanted) = (
        logOfSum(z.values, row, temperature: temperature),
        logOfSum(teacher.values, row, temperature: temperature)
      )
      for i in row {
        dz.values[i] =
          factor
          * (exp(z.values[i] / temperature - student) - exp(teacher.values[i] / temperature - wanted))
      }
    }
    return [dz]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    Distillation.samples(using: &generator).map { sample in
      Sample(Self(temperature: 3, weight: 0.5), sample.inputs + [HostTensor([], [0.7])])
    }
  }
}
