// AveragePoolGradient.swift: the gradient of the mean over a sliding window.

/// dx from dy `[N, H', W', C]`: each output's gradient is shared equally by the pixels it was the mean of.
package struct AveragePoolGradient: GraphOperation {
  package static let name = "averagePoolGradient"
  /// The window of the pool.
  package var window: Window
  /// The shape of the pool's input, `[N, H, W, C]`.
  package var input: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    let output = try AveragePool(window: window).infer([TensorType(input, type)])
    try inputs[0].expect(output[0].shape, "the output's gradient")
    return [TensorType(input, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let dy = inputs[0]
    let counts = AveragePool.counts(window, input, dy.shape)
    var dx = HostTensor(input)
    let channels = dy.channels
    window.forEachTap(input: input, output: dy.shape) { inputPixel, _, outputPixel in
      for c in 0..<channels {
        dx.values[inputPixel * channels + c] +=
          dy.values[outputPixel * channels + c] / Double(counts[outputPixel])
      }
    }
    return [dx]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Cost(elementwise: inputs[0].shape.count * window.kernel * window.kernel)
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    AveragePool.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? AveragePool else { return nil }
      return Sample(
        Self(window: forward.window, input: sample.inputs[0].shape), forward.reference(sample.inputs))
    }
  }
}
