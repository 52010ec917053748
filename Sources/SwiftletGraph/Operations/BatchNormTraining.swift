// BatchNormTraining.swift: batch normalization with the batch's own statistics, and their running averages.

/// y = scale · (x − μ) / √(σ² + ε) + offset, where μ and σ² are the mean and the biased variance of each channel
/// over the batch (arXiv 1502.03167, algorithm 1).
///
/// Inputs: x `[…, C]`, then scale, offset, running mean and running variance, each `[C]`. Outputs: y, μ, σ², and the
/// new running mean and variance: old · (1 − momentum) + batch · momentum. The variance that enters the running
/// average is the unbiased one, as in PyTorch.
package struct BatchNormTraining: GraphOperation {
  package static let name = "batchNormTraining"
  /// ε.
  package var epsilon: Double
  /// The weight of the new batch in the running averages: 0.1 and 0.01 are common (TensorFlow writes 1 − it).
  package var momentum: Double

  /// Creates the training form.
  package init(epsilon: Double, momentum: Double) {
    self.epsilon = epsilon
    self.momentum = momentum
  }

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try BatchNorm.check(inputs, count: 5)
    guard inputs[0].shape.count > inputs[0].shape[-1] else {
      throw OperationError("batch statistics need more than one value a channel, got \(inputs[0].shape)")
    }
    let vector = TensorType([inputs[0].shape[-1]], inputs[0].scalarType)
    return [inputs[0], vector, vector, vector, vector]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let count = Double(x.values.count / x.channels)
    var mean = HostTensor([x.channels])
    x.forEachChannel { mean.values[$1] += x.values[$0] / count }
    var variance = HostTensor([x.channels])
    x.forEachChannel { index, c in
      let deviation = x.values[index] - mean.values[c]
      variance.values[c] += deviation * deviation / count
    }
    let y = BatchNorm.normalize(x, inputs[1], inputs[2], mean, variance, epsilon)
    let unbiased = count / (count - 1)
    let newMean = inputs[3].zipped(mean) { $0 + momentum * ($1 - $0) }
    let newVariance = inputs[4].zipped(variance) { $0 + momentum * ($1 * unbiased - $0) }
    return [y, mean, variance, newMean, newVariance]
  }

  package func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let operation = BatchNormGradient(epsilon: epsilon, usesBatchStatistics: true)
    let all = try context.emitAll(
      operation, [context.inputs[0], context.inputs[1], context.outputs[1], context.outputs[2], dy])
    return [all[0], all[1], all[2], nil, nil]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let shapes: [Shape] = [[2, 3, 2, 4], [3, 5]]
    return shapes.map { shape in
      Sample(Self(epsilon: 1e-3, momentum: 0.1), BatchNorm.inputs(shape, &generator))
    }
  }
}
