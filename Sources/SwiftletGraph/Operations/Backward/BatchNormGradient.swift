// BatchNormGradient.swift: the gradient of both forms of batch normalization.

/// Inputs: x `[…, C]`, scale, mean and variance `[C]` (the ones that the forward pass normalized with), dy like x.
/// Outputs: dx, dscale, doffset.
///
/// With x̂ = (x − mean) / √(variance + ε): doffset = Σ dy, dscale = Σ dy·x̂, and dx = scale / √(variance + ε) ·
/// (dy − [doffset + x̂·dscale] / count), where the bracket is there only if mean and variance are the batch's
/// own (arXiv 1502.03167, section 3).
package struct BatchNormGradient: GraphOperation {
  package static let name = "batchNormGradient"
  /// ε.
  package var epsilon: Double
  /// Whether mean and variance depend on x.
  package var usesBatchStatistics: Bool

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try BatchNorm.check(inputs.count == 5 ? Array(inputs.prefix(4)) : inputs, count: 4)
    try expectFloats(inputs)
    try inputs[4].expect(inputs[0].shape, "the output's gradient")
    return [inputs[0], inputs[1], inputs[1]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, scale, mean, variance, dy) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4])
    let inverse = variance.mapped { 1 / ($0 + epsilon).squareRoot() }
    var (dScale, dOffset) = (HostTensor(scale.shape), HostTensor(scale.shape))
    func normalized(_ index: Int, _ c: Int) -> Double {
      (x.values[index] - mean.values[c]) * inverse.values[c]
    }
    x.forEachChannel { index, c in
      dOffset.values[c] += dy.values[index]
      dScale.values[c] += dy.values[index] * normalized(index, c)
    }
    let count = Double(x.values.count / x.channels)
    var dx = dy
    x.forEachChannel { index, c in
      let fromStatistics =
        usesBatchStatistics ? (dOffset.values[c] + normalized(index, c) * dScale.values[c]) / count : 0
      dx.values[index] = scale.values[c] * inverse.values[c] * (dy.values[index] - fromStatistics)
    }
    return [dx, dScale, dOffset]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [true, false].map { batch in
      let all = BatchNorm.inputs([2, 3, 2, 4], &generator)
      let dy = HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator)
      return Sample(
        Self(epsilon: 1e-3, usesBatchStatistics: batch), [all[0], all[1], all[3], all[4], dy])
    }
  }
}
