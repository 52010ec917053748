// GlobalAveragePool.swift: the mean over all pixels: the squeeze of SENet (arXiv 1709.01507, eq. 2), and the
// end of every feature extractor here.

/// `[N, H, W, C]` → `[N, C]`: the mean of each channel.
public struct GlobalAveragePool: GraphOperation {
  public static let name = "globalAveragePool"

  /// Creates a global average pool.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    let shape = try inputs[0].featureMap()
    return [TensorType([shape[0], shape[3]], type)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let (channels, pixels) = (x.channels, x.shape[1] * x.shape[2])
    var y = HostTensor([x.shape[0], channels])
    for n in 0..<x.shape[0] {
      for pixel in 0..<pixels {
        for c in 0..<channels { y.values[n * channels + c] += x.values[(n * pixels + pixel) * channels + c] }
      }
    }
    return [y.mapped { $0 / Double(pixels) }]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(GlobalAveragePoolGradient(input: context.inputType(0).shape), dy)]
  }

  public func cost(_ inputs: [TensorType]) -> Cost { Cost(elementwise: inputs[0].shape.count) }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [Sample(Self(), [HostTensor([2, 3, 4, 5], uniform: -1...1, using: &generator)])]
  }
}
