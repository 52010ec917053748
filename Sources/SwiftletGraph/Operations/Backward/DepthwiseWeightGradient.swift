// DepthwiseWeightGradient.swift: the weight gradient of a depthwise convolution.

/// dw `[k, k, C]` from x `[N, H, W, C]` and dy `[N, H', W', C]`.
package struct DepthwiseWeightGradient: GraphOperation {
  package static let name = "depthwiseWeightGradient"
  /// The window of the convolution.
  package var window: Window

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let kernel = TensorType([window.kernel, window.kernel, try inputs[0].featureMap()[3]], type)
    let output = try DepthwiseConvolution(window: window).infer([inputs[0], kernel])
    try inputs[1].expect(output[0].shape, "the output's gradient")
    return [kernel]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, dy) = (inputs[0], inputs[1])
    let channels = x.channels
    var dw = HostTensor([window.kernel, window.kernel, channels])
    withPointers(x, dy, &dw) { xs, dys, dws in
      window.forEachTap(input: x.shape, output: dy.shape) { inputPixel, tap, outputPixel in
        let (x, w, y) = (xs + inputPixel * channels, dws + tap * channels, dys + outputPixel * channels)
        for c in 0..<channels { w[c] += x[c] * y[c] }
      }
    }
    return [dw]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    let kernel = TensorType([window.kernel, window.kernel, inputs[0].shape[-1]])
    return DepthwiseConvolution(window: window).cost([inputs[0], kernel])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    DepthwiseConvolution.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? DepthwiseConvolution else { return nil }
      return Sample(
        Self(window: forward.window), [sample.inputs[0], forward.reference(sample.inputs)[0]])
    }
  }
}
