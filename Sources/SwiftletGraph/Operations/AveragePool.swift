// AveragePool.swift: the mean over a sliding window.

/// `[N, H, W, C]` → `[N, H', W', C]`: the mean of each channel over the window's pixels that lie inside the image
/// (padding does not count, as in TensorFlow). A kernel of 1 with stride 2 subsamples.
public struct AveragePool: GraphOperation {
  public static let name = "averagePool"
  /// Kernel size, stride and padding.
  public var window: Window

  /// Creates an average pool.
  public init(window: Window) { self.window = window }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    try expectFloats(inputs)
    return [try window.output(inputs[0], channels: try inputs[0].featureMap()[3])]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let output = (try? infer([x.type]))?.first?.shape ?? []
    let counts = Self.counts(window, x.shape, output)
    var y = HostTensor(output)
    let channels = x.channels
    window.forEachTap(input: x.shape, output: output) { inputPixel, _, outputPixel in
      for c in 0..<channels {
        y.values[outputPixel * channels + c] +=
          x.values[inputPixel * channels + c] / Double(counts[outputPixel])
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(AveragePoolGradient(window: window, input: context.inputType(0).shape), dy)]
  }

  public func cost(_ inputs: [TensorType]) -> Cost {
    guard let output = try? infer(inputs).first else { return Cost() }
    return Cost(elementwise: output.shape.count * window.kernel * window.kernel)
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    windows.map { Sample(Self(window: $0), [HostTensor([2, 5, 6, 3], uniform: -1...1, using: &generator)]) }
  }

  /// The number of taps that fall inside the image, for each output pixel.
  static func counts(_ window: Window, _ input: Shape, _ output: Shape) -> [Int] {
    var counts = [Int](repeating: 0, count: output[0] * output[1] * output[2])
    window.forEachTap(input: input, output: output) { _, _, outputPixel in counts[outputPixel] += 1 }
    return counts
  }

  /// The windows that pools are tried with.
  static let windows = [
    Window(kernel: 2, stride: 2), Window(kernel: 3, stride: 2, padding: Padding(1)),
    Window(kernel: 3, stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1)),
    Window(kernel: 1, stride: 2),
  ]
}
