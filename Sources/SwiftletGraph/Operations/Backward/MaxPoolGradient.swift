// MaxPoolGradient.swift: the gradient of the maximum over a sliding window.

/// dx from x `[N, H, W, C]` and dy `[N, H', W', C]`: each output's gradient goes to the first pixel that held its
/// maximum.
package struct MaxPoolGradient: GraphOperation {
  package static let name = "maxPoolGradient"
  /// The window of the pool.
  package var window: Window

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    try expectFloats(inputs)
    let output = try MaxPool(window: window).infer([inputs[0]])
    try inputs[1].expect(output[0].shape, "the output's gradient")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, dy) = (inputs[0], inputs[1])
    let channels = x.channels
    var best = [Int?](repeating: nil, count: dy.values.count)
    window.forEachTap(input: x.shape, output: dy.shape) { inputPixel, _, outputPixel in
      for c in 0..<channels {
        let (from, to) = (inputPixel * channels + c, outputPixel * channels + c)
        if best[to].map({ x.values[from] > x.values[$0] }) ?? true { best[to] = from }
      }
    }
    var dx = HostTensor(x.shape)
    for (to, from) in best.enumerated() {
      if let from { dx.values[from] += dy.values[to] }
    }
    return [dx]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Cost(elementwise: inputs[1].shape.count * window.kernel * window.kernel)
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    MaxPool.samples(using: &generator).compactMap { sample in
      guard let forward = sample.operation as? MaxPool else { return nil }
      return Sample(
        Self(window: forward.window), [sample.inputs[0], forward.reference(sample.inputs)[0]])
    }
  }
}
