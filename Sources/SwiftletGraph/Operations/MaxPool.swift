// MaxPool.swift: the maximum over a sliding window.

/// `[N, H, W, C]` → `[N, H', W', C]`: the largest value of each channel over the window's pixels that lie inside
/// the image.
public struct MaxPool: GraphOperation {
  public static let name = "maxPool"
  /// Kernel size, stride and padding.
  public var window: Window

  /// Creates a max pool.
  public init(window: Window) { self.window = window }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    try expectFloats(inputs)
    return [try window.output(inputs[0], channels: try inputs[0].featureMap()[3])]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let output = (try? infer([x.type]))?.first?.shape ?? []
    var y = HostTensor(output, repeating: -.infinity)
    let channels = x.channels
    window.forEachTap(input: x.shape, output: output) { inputPixel, _, outputPixel in
      for c in 0..<channels {
        let index = outputPixel * channels + c
        y.values[index] = max(y.values[index], x.values[inputPixel * channels + c])
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(MaxPoolGradient(window: window), context.inputs[0], dy)]
  }

  public func cost(_ inputs: [TensorType]) -> Cost { AveragePool(window: window).cost(inputs) }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    AveragePool.windows.map {
      Sample(Self(window: $0), [HostTensor([2, 5, 6, 3], distinctUsing: &generator)])
    }
  }
}
