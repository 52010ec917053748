// ChannelScale.swift: the gate of squeeze-and-excitation (SENet, arXiv 1709.01507, eq. 4).

/// y[n, h, w, c] = x[n, h, w, c] · gate[n, c], for x `[N, H, W, C]` and a gate `[N, C]`.
public struct ChannelScale: GraphOperation {
  public static let name = "channelScale"

  /// Creates a gate.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    try expectFloats(inputs)
    let shape = try inputs[0].featureMap()
    try inputs[1].expect([shape[0], shape[3]], "gate")
    return [inputs[0]]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, gate) = (inputs[0], inputs[1])
    let image = x.shape[1] * x.shape[2] * x.channels
    var y = x
    x.forEachChannel { index, c in y.values[index] *= gate.values[index / image * x.channels + c] }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [
      try context.emit(ChannelScale(), dy, context.inputs[1]),
      try context.emit(ChannelScaleGateGradient(), context.inputs[0], dy),
    ]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(
        Self(),
        [
          HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator),
          HostTensor([2, 4], uniform: 0...1, using: &generator),
        ])
    ]
  }
}
