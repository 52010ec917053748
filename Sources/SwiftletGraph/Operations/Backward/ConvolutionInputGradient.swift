// ConvolutionInputGradient.swift: the data gradient of a convolution.

/// dx from dy `[N, H', W', O]` and the kernel `[k, k, C / groups, O]`: the transpose of ``Convolution``.
package struct ConvolutionInputGradient: GraphOperation {
  package static let name = "convolutionInputGradient"
  /// The window of the convolution.
  package var window: Window
  /// The groups of the convolution.
  package var groups: Int
  /// The shape of the convolution's input, `[N, H, W, C]`.
  package var input: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let forward = Convolution(window: window, groups: groups)
    let output = try forward.infer([TensorType(input, type), inputs[1]])
    try inputs[0].expect(output[0].shape, "the output's gradient")
    return [TensorType(input, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (dy, w) = (inputs[0], inputs[1])
    let layout = ConvolutionLayout(kernel: w.shape, groups: groups)
    var dx = HostTensor(input)
    withPointers(dy, w, &dx) { dys, ws, dxs in
      window.forEachTap(input: input, output: dy.shape) { inputPixel, tap, outputPixel in
        layout.forEachInput(inputPixel, tap, outputPixel) { xi, wi, yi in
          dxs[xi] += dot(dys + yi, ws + wi, count: layout.groupOutputs)
        }
      }
    }
    return [dx]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Convolution(window: window, groups: groups).cost([TensorType(input), inputs[1]])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    Convolution.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? Convolution else { return nil }
      let dy = forward.reference(sample.inputs)[0]
      return Sample(
        Self(window: forward.window, groups: forward.groups, input: sample.inputs[0].shape),
        [dy, sample.inputs[1]])
    }
  }
}
