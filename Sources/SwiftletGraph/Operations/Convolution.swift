// Convolution.swift: dense and grouped 2-D convolution. Depthwise is an operation of its own.

/// Convolution of `[N, H, W, C]` with a kernel `[k, k, C / groups, O]`, and a bias `[O]` where there is a third
/// input.
///
/// y[n, p, o] = b[o] + Σ over taps t and the inputs i of o's group: x[n, p·stride + t − padding, i] · w[t, i, o].
public struct Convolution: GraphOperation {
  public static let name = "convolution"
  /// Kernel size, stride and padding.
  public var window: Window
  /// Groups of channels that do not see each other; 1 is dense (ResNeXt uses 32, SENet-154 64).
  public var groups: Int

  /// Creates a convolution.
  public init(window: Window, groups: Int = 1) {
    self.window = window
    self.groups = groups
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...3)
    try expectFloats(inputs)
    let (input, kernel) = (try inputs[0].featureMap(), inputs[1].shape)
    guard kernel.rank == 4, kernel[0] == window.kernel, kernel[1] == window.kernel else {
      throw OperationError(
        "a \(window.kernel)×\(window.kernel) window needs a kernel to match, got \(kernel)")
    }
    guard (1...input[3]).contains(groups), input[3] % groups == 0, kernel[2] == input[3] / groups,
      kernel[3] > 0, kernel[3] % groups == 0
    else {
      throw OperationError("input \(input) in \(groups) groups does not fit kernel \(kernel)")
    }
    if inputs.count == 3 { try inputs[2].expect([kernel[3]], "bias") }
    return [try window.output(inputs[0], channels: kernel[3])]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, w) = (inputs[0], inputs[1])
    let layout = ConvolutionLayout(kernel: w.shape, groups: groups)
    var y = HostTensor(outputShape(x, w), rows: inputs.count == 3 ? inputs[2] : nil)
    let output = y.shape
    withPointers(x, w, &y) { xs, ws, ys in
      window.forEachTap(input: x.shape, output: output) { inputPixel, tap, outputPixel in
        layout.forEachInput(inputPixel, tap, outputPixel) { xi, wi, yi in
          addScaled(xs[xi], ws + wi, to: ys + yi, count: layout.groupOutputs)
        }
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let (x, w) = (context.inputs[0], context.inputs[1])
    let dx = try context.emit(
      ConvolutionInputGradient(window: window, groups: groups, input: context.inputType(0).shape), dy, w)
    let dw = try context.emit(
      ConvolutionWeightGradient(window: window, groups: groups, kernel: context.inputType(1).shape), x, dy)
    let db = context.inputs.count == 3 ? try context.emit(SumToChannels(), dy) : nil
    return context.inputs.count == 3 ? [dx, dw, db] : [dx, dw]
  }

  public func cost(_ inputs: [TensorType]) -> Cost {
    guard let output = try? infer(inputs).first else { return Cost() }
    let kernel = inputs[1].shape
    return Cost(multiplyAdds: output.shape.count * kernel[0] * kernel[1] * kernel[2])
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let cases: [(Window, groups: Int, input: Shape, outputs: Int, bias: Bool)] = [
      (Window(kernel: 1), 1, [2, 3, 4, 5], 6, true),
      (Window(kernel: 3, padding: Padding(1)), 1, [1, 5, 4, 3], 2, false),
      (
        Window(kernel: 3, stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1)), 1,
        [1, 6, 7, 2], 3, true
      ),
      (Window(kernel: 5, stride: 2, padding: Padding(2)), 2, [1, 7, 5, 4], 6, false),
      (Window(kernel: 3, padding: Padding(1)), 4, [2, 3, 3, 4], 4, true),
    ]
    return cases.map { window, groups, input, outputs, bias in
      let kernel: Shape = [window.kernel, window.kernel, input[3] / groups, outputs]
      var inputs = [
        HostTensor(input, uniform: -1...1, using: &generator),
        HostTensor(kernel, uniform: -1...1, using: &generator),
      ]
      if bias { inputs.append(HostTensor([outputs], uniform: -1...1, using: &generator)) }
      return Sample(Convolution(window: window, groups: groups), inputs)
    }
  }

  private func outputShape(_ x: HostTensor, _ w: HostTensor) -> Shape {
    (try? infer([x.type, w.type]))?.first?.shape ?? []
  }
}

/// The memory layout of a convolution's operands: shared by the operation and its two gradients.
struct ConvolutionLayout {
  let inputs: Int, outputs: Int, groups: Int, groupInputs: Int, groupOutputs: Int

  /// - Parameter kernel: `[k, k, C / groups, O]`.
  init(kernel: Shape, groups: Int) {
    self.groups = groups
    groupInputs = kernel[2]
    groupOutputs = kernel[3] / groups
    inputs = kernel[2] * groups
    outputs = kernel[3]
  }

  /// For one pair of pixels, calls `body` for each input channel with its index in x, and with the start of its
  /// group's outputs in the kernel and in y.
  @inline(__always)
  func forEachInput(_ inputPixel: Int, _ tap: Int, _ outputPixel: Int, _ body: (Int, Int, Int) -> Void) {
    for group in 0..<groups {
      let y = outputPixel * outputs + group * groupOutputs
      for i in 0..<groupInputs {
        body(
          inputPixel * inputs + group * groupInputs + i,
          (tap * groupInputs + i) * outputs + group * groupOutputs, y)
      }
    }
  }
}
