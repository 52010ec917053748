// MovingAverage.swift: the exponential average of a weight over the steps (Polyak and Juditsky 1992).

/// Inputs: the average so far, the weight, the step's rates. Output: decay · average + (1 − decay) · weight, with the rates' decay;
/// the old average at steps without an update.
package struct MovingAverage: GraphOperation {
  package static let name = "movingAverage"

  /// Creates an average.
  package init() {}

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 3...3)
    try expectFloats(inputs)
    try inputs[1].expect(inputs[0].shape, "the weight")
    try inputs[2].expect(StepRates.type.shape, "the rates")
    return [inputs[0]]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let rates = StepRates(inputs[2].values)
    guard rates.applies else { return [inputs[0]] }
    return [inputs[0].zipped(inputs[1]) { $1 + rates.averageDecay * ($0 - $1) }]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [true, false].map { applies in
      let rates = StepRates(learningRate: 0.1, applies: applies, averageDecay: 0.9).values.map(Double.init)
      return Sample(
        Self(),
        [
          HostTensor([3, 7], uniform: -1...1, using: &generator),
          HostTensor([3, 7], uniform: -1...1, using: &generator), HostTensor([StepRates.count], rates),
        ])
    }
  }
}
