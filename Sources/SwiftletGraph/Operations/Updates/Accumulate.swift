// Accumulate.swift: gradients of several small batches become that of one large batch.

/// Inputs: the sum so far, a gradient like it, the step's rates. Output: sum + gradient, or the gradient alone at the
/// first step of a new sum.
package struct Accumulate: GraphOperation {
  package static let name = "accumulate"

  /// Creates an accumulation.
  package init() {}

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 3...3)
    try expectFloats(inputs)
    try inputs[1].expect(inputs[0].shape, "the gradient")
    try inputs[2].expect(StepRates.type.shape, "the rates")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    [StepRates(inputs[2].values).keeps ? inputs[0].zipped(inputs[1], +) : inputs[1]]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [true, false].map { keeps in
      let rates = StepRates(learningRate: 0.1, keeps: keeps).values.map(Double.init)
      return Sample(
        Self(),
        [
          HostTensor([3, 7], uniform: -1...1, using: &generator),
          HostTensor([3, 7], uniform: -1...1, using: &generator), HostTensor([StepRates.count], rates),
        ])
    }
  }
}
