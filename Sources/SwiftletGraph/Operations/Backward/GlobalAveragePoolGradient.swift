// GlobalAveragePoolGradient.swift: the gradient of the mean over all pixels.

/// dx `[N, H, W, C]` from dy `[N, C]`: each pixel gets dy / (H·W).
package struct GlobalAveragePoolGradient: GraphOperation {
  package static let name = "globalAveragePoolGradient"
  /// The shape of the pool's input, `[N, H, W, C]`.
  package var input: Shape

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    let shape = try TensorType(input).featureMap()
    try inputs[0].expect([shape[0], shape[3]], "the output's gradient")
    return [TensorType(input, type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let dy = inputs[0]
    let (channels, pixels) = (dy.channels, input[1] * input[2])
    var dx = HostTensor(input)
    dx.forEachChannel { index, c in
      let n = index / (pixels * channels)
      dx.values[index] = dy.values[n * channels + c] / Double(pixels)
    }
    return [dx]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [Sample(Self(input: [2, 3, 4, 5]), [HostTensor([2, 5], uniform: -1...1, using: &generator)])]
  }
}
