// ActivationGradient.swift: the gradient of an elementwise non-linearity.

/// dx = f′(x) · dy, for x and dy of one shape.
package struct ActivationGradient: GraphOperation {
  package static let name = "activationGradient"
  /// The non-linearity.
  package var function: ActivationFunction

  init(_ function: ActivationFunction) { self.function = function }

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    try expectFloats(inputs)
    try inputs[1].expect(inputs[0].shape, "the output's gradient")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    [inputs[0].zipped(inputs[1]) { function.derivative($0) * $1 }]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    ActivationFunction.allCases.map {
      let x = Activation.smoothInput(&generator)
      return Sample(Self($0), [x, HostTensor(x.shape, uniform: -1...1, using: &generator)])
    }
  }
}
