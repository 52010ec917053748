// ChannelScaleGateGradient.swift: the gradient of a squeeze-and-excitation gate.

/// dgate[n, c] = Σ over pixels: x · dy, for x and dy `[N, H, W, C]`.
package struct ChannelScaleGateGradient: GraphOperation {
  package static let name = "channelScaleGateGradient"

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let shape = try inputs[0].featureMap()
    try inputs[1].expect(shape, "the output's gradient")
    return [TensorType([shape[0], shape[3]], type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, dy) = (inputs[0], inputs[1])
    let image = x.shape[1] * x.shape[2] * x.channels
    var gate = HostTensor([x.shape[0], x.channels])
    x.forEachChannel { index, c in
      gate.values[index / image * x.channels + c] += x.values[index] * dy.values[index]
    }
    return [gate]
  }

  package func cost(_ inputs: [TensorType]) -> Cost { Cost(elementwise: inputs[0].shape.count) }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [Sample(Self(), (0..<2).map { _ in HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator) })]
  }
}
