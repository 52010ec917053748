// OptimizerEngineTests.swift: several steps of every optimizer, of clipping, accumulation, averages and distillation on the engine, against
// their definitions.

import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

@Suite struct OptimizerEngineTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let options: StepOptions
    var accumulates = false
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "SGD", options: StepOptions(optimizer: .sgd(momentum: 0), weightDecay: 1e-2)),
    Case(name: "momentum", options: StepOptions(optimizer: .sgd(momentum: 0.9), weightDecay: 1e-2)),
    Case(
      name: "Nesterov",
      options: StepOptions(optimizer: .sgd(momentum: 0.9, nesterov: true), weightDecay: 1e-2)),
    Case(
      name: "RMSProp", options: StepOptions(optimizer: .rmsProp(epsilon: 1e-3), weightDecay: 1e-2)),
    Case(
      name: "AdamW", options: StepOptions(optimizer: .adamW(), weightDecay: 0.1)),
    Case(
      name: "clipping", options: StepOptions(optimizer: .sgd(momentum: 0.9), clipNorm: 0.05)),
    Case(
      name: "accumulation",
      options: StepOptions(optimizer: .sgd(momentum: 0.9), accumulates: true, exposesGradients: true),
      accumulates: true),
    Case(name: "averages", options: StepOptions(optimizer: .sgd(momentum: 0.9), averages: true)),
    Case(
      name: "averages of accumulated steps",
      options: StepOptions(optimizer: .rmsProp(), clipNorm: 0.5, accumulates: true, averages: true),
      accumulates: true),
    Case(
      name: "distillation",
      options: StepOptions(
        loss: DistillationLoss(temperature: 3, weight: 0.7, smoothing: 0.1),
        optimizer: .sgd(momentum: 0.9))),
  ]

  /// Dense, depthwise and linear weights, norms and a bias.
  static func network(
    _ first: ActivationFunction = .hardSwish, _ second: ActivationFunction = .silu
  ) throws -> SmallNetwork {
    var network = SmallNetwork([5, 8, 7, 3])
    let window = Window(kernel: 3, padding: Padding(1))
    var y = try network.builder.apply(
      Convolution(window: window), network.x, try network.parameter("stem", .convolution, [3, 3, 3, 12]),
      label: "stem")
    y = try network.builder.apply(Activation(first), try network.norm(y, "stem.norm"), label: "active")
    y = try network.builder.apply(
      DepthwiseConvolution(window: window), y, try network.parameter("depthwise", .depthwise, [3, 3, 12]),
      label: "depthwise")
    y = try network.builder.apply(
      Activation(second), try network.norm(y, "depthwise.norm"), label: "active")
    try network.classify(y)
    return network
  }

  @Test(arguments: cases)
  func stepsAreTheirDefinition(test: Case) throws {
    let network = try Self.network()
    let step = try TrainingStep(try network.finished(), test.options)
    var trial = EngineTrial(graph: step.graph, state: try step.initialState(try network.start()))
    trial.steps = test.accumulates ? 6 : 4
    trial.fill = EngineTrial.filling(
      classes: network.classes,
      rates: { step in
        guard test.accumulates else { return StepRates(learningRate: 0.05, averageDecay: 0.9, update: step) }
        // Two batches to an update.
        let ends = step % 2 == 0
        return StepRates(
          learningRate: 0.05, applies: ends, keeps: ends, averageDecay: 0.9, update: (step + 1) / 2)
      }
    ) { name, _, floats in
      guard name == "gradient.loss", test.accumulates else { return false }
      floats[0] = 0.5
      return true
    }
    let error = try trial.compare()
    #expect(error > 0)
    // Every kind of state has moved, or the comparison says nothing.
    let session = try CPUBackend(threads: 2).makeTrainingSession(step.graph, parameters: trial.state)
    let end = try #require(try trial.run(session).last)
    for (name, tensor) in trial.state.all { #expect(end.parameters[name] != tensor.floats(), "\(name)") }
    #expect((session as? CPUTrainingSession)?.referenceOps == [])
  }
}
