// WeightUpdate.swift: one step of an optimizer on one weight tensor.

/// Inputs: the weight w, its gradient, the step's rates `[5]`, the scalar that gradients are multiplied by, then the optimizer's
/// moments, each like w. Outputs: the new w and moments; the old ones at steps without an update.
package struct WeightUpdate: GraphOperation {
  package static let name = "weightUpdate"
  /// The rule.
  package var optimizer: Optimizer
  /// Weight decay; 0 for excluded parameters.
  package var decay: Double
  /// The factor of the step's learning rate.
  package var rateFactor: Double

  /// Creates an update.
  package init(_ optimizer: Optimizer, decay: Double, rateFactor: Double = 1) {
    self.optimizer = optimizer
    self.decay = decay
    self.rateFactor = rateFactor
  }

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    let moments = optimizer.moments.count
    try expectCount(inputs, (4 + moments)...(4 + moments))
    try expectFloats(inputs)
    try inputs[1].expect(inputs[0].shape, "the gradient")
    try inputs[2].expect(StepRates.type.shape, "the rates")
    try inputs[3].expect([], "the gradients' scale")
    for moment in inputs[4...] { try moment.expect(inputs[0].shape, "a moment") }
    return [inputs[0]] + inputs[4...]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    var rates = StepRates(inputs[2].values)
    rates.learningRate *= rateFactor
    var results = [inputs[0]] + inputs[4...]
    guard rates.applies else { return results }
    for i in inputs[0].values.indices {
      let (w, moments) = optimizer.update(
        inputs[0].values[i], inputs[1].values[i] * inputs[3].values[0], inputs[4...].map { $0.values[i] },
        rates, decay: decay)
      results[0].values[i] = w
      for (index, moment) in moments.enumerated() { results[index + 1].values[i] = moment }
    }
    return results
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let rules: [(Optimizer, Double, StepRates)] = [
      (.sgd(momentum: 0.9, nesterov: true), 0.02, StepRates(learningRate: 0.3)),
      (.sgd(momentum: 0), 0.01, StepRates(learningRate: 0.1)),
      (.sgd(momentum: 0.9), 0.01, StepRates(learningRate: 0.1)),
      (.sgd(momentum: 0.9, nesterov: true), 0, StepRates(learningRate: 0.1)),
      (.sgd(momentum: 0.9), 0, StepRates(learningRate: 0.1, applies: false)),
      (.rmsProp(), 0.01, StepRates(learningRate: 0.1)),
      (.adamW(), 0.1, StepRates(learningRate: 0.1, update: 3)),
    ]
    return rules.map { rule, decay, rates in
      let moments = rule.moments.map { _ in HostTensor([3, 7], uniform: 0.1...1, using: &generator) }
      return Sample(
        Self(rule, decay: decay, rateFactor: rates.learningRate == 0.3 ? 0.25 : 1),
        [
          HostTensor([3, 7], uniform: -1...1, using: &generator),
          HostTensor([3, 7], uniform: -1...1, using: &generator),
          HostTensor([StepRates.count], rates.values.map(Double.init)), HostTensor([], [0.5]),
        ] + moments)
    }
  }
}
