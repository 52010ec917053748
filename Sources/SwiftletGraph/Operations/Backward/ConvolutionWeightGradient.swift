// ConvolutionWeightGradient.swift: the weight gradient of a convolution.

/// dw from x `[N, H, W, C]` and dy `[N, H', W', O]`.
package struct ConvolutionWeightGradient: GraphOperation {
  package static let name = "convolutionWeightGradient"
  /// The window of the convolution.
  package var window: Window
  /// The groups of the convolution.
  package var groups: Int
  /// The shape of the kernel, `[k, k, C / groups, O]`.
  package var kernel: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let forward = Convolution(window: window, groups: groups)
    let output = try forward.infer([inputs[0], TensorType(kernel, type)])
    try inputs[1].expect(output[0].shape, "the output's gradient")
    return [TensorType(kernel, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, dy) = (inputs[0], inputs[1])
    let layout = ConvolutionLayout(kernel: kernel, groups: groups)
    var dw = HostTensor(kernel)
    withPointers(x, dy, &dw) { xs, dys, dws in
      window.forEachTap(input: x.shape, output: dy.shape) { inputPixel, tap, outputPixel in
        layout.forEachInput(inputPixel, tap, outputPixel) { xi, wi, yi in
          addScaled(xs[xi], dys + yi, to: dws + wi, count: layout.groupOutputs)
        }
      }
    }
    return [dw]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Convolution(window: window, groups: groups).cost([inputs[0], TensorType(kernel)])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    Convolution.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? Convolution else { return nil }
      let dy = forward.reference(sample.inputs)[0]
      return Sample(
        Self(window: forward.window, groups: forward.groups, kernel: sample.inputs[1].shape),
        [sample.inputs[0], dy])
    }
  }
}
