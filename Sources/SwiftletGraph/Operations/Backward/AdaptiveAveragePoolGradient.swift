// AdaptiveAveragePoolGradient.swift: the gradient of the mean over a fixed grid.

/// dx from dy `[N, size, size, C]`: each cell's gradient is shared equally by its pixels.
package struct AdaptiveAveragePoolGradient: GraphOperation {
  package static let name = "adaptiveAveragePoolGradient"
  /// The shape of the pool's input, `[N, H, W, C]`.
  package var input: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    let (shape, dy) = (try TensorType(input).featureMap(), try inputs[0].featureMap())
    try inputs[0].expect([shape[0], dy[1], dy[1], shape[3]], "the output's gradient")
    return [TensorType(input, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let dy = inputs[0]
    let channels = dy.channels
    var dx = HostTensor(input)
    AdaptiveAveragePool.forEachPair(input: input, size: dy.shape[1]) { inputPixel, outputPixel, share in
      for c in 0..<channels {
        dx.values[inputPixel * channels + c] += dy.values[outputPixel * channels + c] * share
      }
    }
    return [dx]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    AdaptiveAveragePool.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? AdaptiveAveragePool else { return nil }
      return Sample(Self(input: sample.inputs[0].shape), forward.reference(sample.inputs))
    }
  }
}
