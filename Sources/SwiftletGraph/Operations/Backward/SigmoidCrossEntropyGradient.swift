// SigmoidCrossEntropyGradient.swift: the gradient of the loss of multi-label classification.

/// dz = weight · (sigmoid(z) − q) / (N · C) · dloss, for logits and targets `[N, C]` and the scalar dloss.
package struct SigmoidCrossEntropyGradient: GraphOperation {
  package static let name = "sigmoidCrossEntropyGradient"
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
    let loss = SigmoidCrossEntropy(smoothing: smoothing, weight: weight)
    let factor = weight * inputs[2].values[0] / Double(inputs[0].values.count)
    return [
      inputs[0].zipped(inputs[1]) { z, target in
        // e^−|z| is at most 1.
        let power = exp(-abs(z))
        return factor * ((z < 0 ? power : 1) / (1 + power) - loss.smoothed(target))
      }
    ]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    SigmoidCrossEntropy.samples(using: &generator).map { sample in
      Sample(Self(smoothing: 0.1, weight: 2), sample.inputs + [HostTensor([], [0.7])])
    }
  }
}
