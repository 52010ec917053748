// SoftmaxGradient.swift: the gradient of a softmax.

/// dx = y · (dy − Σ y·dy), row by row, for the softmax's result y and dy of one shape.
package struct SoftmaxGradient: GraphOperation {
  package static let name = "softmaxGradient"

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    try expectFloats(inputs)
    try inputs[1].expect(inputs[0].shape, "the output's gradient")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (y, dy) = (inputs[0], inputs[1])
    var dx = dy
    for row in 0..<(y.values.count / max(y.channels, 1)) {
      let range = (row * y.channels)..<((row + 1) * y.channels)
      let mean = range.reduce(0) { $0 + y.values[$1] * dy.values[$1] }
      for i in range { dx.values[i] = y.values[i] * (dy.values[i] - mean) }
    }
    return [dx]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    Softmax.samples(using: &generator).map { sample in
      let y = sample.operation.reference(sample.inputs)[0]
      return Sample(Self(), [y, HostTensor(y.shape, uniform: -1...1, using: &generator)])
    }
  }
}
