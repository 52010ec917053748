// DepthwiseConvolution.swift: one filter a channel (MobileNetV1, arXiv 1704.04861, eq. 3).

/// Depthwise convolution of `[N, H, W, C]` with a kernel `[k, k, C]`, and a bias `[C]` where there is a third input.
///
/// y[n, p, c] = b[c] + Σ over taps t: x[n, p·stride + t − padding, c] · w[t, c].
public struct DepthwiseConvolution: GraphOperation {
  public static let name = "depthwiseConvolution"
  /// Kernel size, stride and padding.
  public var window: Window

  /// Creates a depthwise convolution.
  public init(window: Window) { self.window = window }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...3)
    try expectFloats(inputs)
    let channels = try inputs[0].featureMap()[3]
    try inputs[1].expect([window.kernel, window.kernel, channels], "kernel")
    if inputs.count == 3 { try inputs[2].expect([channels], "bias") }
    return [try window.output(inputs[0], channels: channels)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, w) = (inputs[0], inputs[1])
    let channels = x.channels
    let output = (try? window.output(x.type, channels: channels))?.shape ?? []
    var y = HostTensor(output, rows: inputs.count == 3 ? inputs[2] : nil)
    withPointers(x, w, &y) { xs, ws, ys in
      window.forEachTap(input: x.shape, output: output) { inputPixel, tap, outputPixel in
        let (x, w, y) = (xs + inputPixel * channels, ws + tap * channels, ys + outputPixel * channels)
        for c in 0..<channels { y[c] += x[c] * w[c] }
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let (x, w) = (context.inputs[0], context.inputs[1])
    let dx = try context.emit(
      DepthwiseInputGradient(window: window, input: context.inputType(0).shape), dy, w)
    let dw = try context.emit(DepthwiseWeightGradient(window: window), x, dy)
    return context.inputs.count == 3 ? [dx, dw, try context.emit(SumToChannels(), dy)] : [dx, dw]
  }

  public func cost(_ inputs: [TensorType]) -> Cost {
    guard let output = try? infer(inputs).first else { return Cost() }
    return Cost(multiplyAdds: output.shape.count * window.kernel * window.kernel)
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let cases: [(Window, Shape, bias: Bool)] = [
      (Window(kernel: 3, padding: Padding(1)), [2, 4, 5, 3], true),
      (
        Window(kernel: 3, stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1)), [1, 6, 4, 5],
        false
      ),
      (Window(kernel: 5, stride: 2, padding: Padding(2)), [1, 7, 6, 2], true),
      (Window(kernel: 7, padding: Padding(3)), [1, 4, 4, 1], false),
    ]
    return cases.map { window, input, bias in
      var inputs = [
        HostTensor(input, uniform: -1...1, using: &generator),
        HostTensor([window.kernel, window.kernel, input[3]], uniform: -1...1, using: &generator),
      ]
      if bias { inputs.append(HostTensor([input[3]], uniform: -1...1, using: &generator)) }
      return Sample(DepthwiseConvolution(window: window), inputs)
    }
  }
}
