// SoftmaxCrossEntropyGradient.swift: the gradient of the loss of classification.

/// dz = weight · (softmax(z) · Σq − q) / N · dloss, for logits and targets `[N, C]` and the scalar dloss.
package struct SoftmaxCrossEntropyGradient: GraphOperation {
  package static let name = "softmaxCrossEntropyGradient"
  /// ε of label smoothing.
  package var smoothing: Double
  /// The factor of the loss.
  package var weight: Double

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try SoftmaxCrossEntropy.check(inputs, count: 3)
    try inputs[2].expect([], "the loss's gradient")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (z, targets) = (inputs[0], inputs[1])
    let loss = SoftmaxCrossEntropy(smoothing: smoothing, weight: weight)
    let factor = weight * inputs[2].values[0] / Double(max(z.shape[0], 1))
    var dz = z
    z.forEachRow { row in
      let total = logOfSum(z.values, row)
      let mass = row.reduce(0) { $0 + loss.smoothed(targets.values[$1], classes: row.count) }
      for i in row {
        dz.values[i] =
          factor * (mass * exp(z.values[i] - total) - loss.smoothed(targets.values[i], classes: row.count))
      }
    }
    return [dz]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    SoftmaxCrossEntropy.samples(using: &generator).map { sample in
      Sample(Self(smoothing: 0.1, weight: 2), sample.inputs + [HostTensor([], [0.7])])
    }
  }
}
