// DepthwiseInputGradient.swift: the data gradient of a depthwise convolution.

/// dx from dy `[N, H', W', C]` and the kernel `[k, k, C]`: the transpose of ``DepthwiseConvolution``.
package struct DepthwiseInputGradient: GraphOperation {
  package static let name = "depthwiseInputGradient"
  /// The window of the convolution.
  package var window: Window
  /// The shape of the convolution's input, `[N, H, W, C]`.
  package var input: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let output = try DepthwiseConvolution(window: window).infer([TensorType(input, type), inputs[1]])
    try inputs[0].expect(output[0].shape, "the output's gradient")
    return [TensorType(input, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (dy, w) = (inputs[0], inputs[1])
    let channels = dy.channels
    var dx = HostTensor(input)
    withPointers(dy, w, &dx) { dys, ws, dxs in
      window.forEachTap(input: input, output: dy.shape) { inputPixel, tap, outputPixel in
        let (x, w, y) = (dxs + inputPixel * channels, ws + tap * channels, dys + outputPixel * channels)
        for c in 0..<channels { x[c] += y[c] * w[c] }
      }
    }
    return [dx]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    DepthwiseConvolution(window: window).cost([TensorType(input), inputs[1]])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    DepthwiseConvolution.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? DepthwiseConvolution else { return nil }
      let dy = forward.reference(sample.inputs)[0]
      return Sample(
        Self(window: forward.window, input: sample.inputs[0].shape), [dy, sample.inputs[1]])
    }
  }
}
