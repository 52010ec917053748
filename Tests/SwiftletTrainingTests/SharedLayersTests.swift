// SharedLayersTests.swift: a graph decoded from JSON with two heads and two layers that share weights and a bias: folded, run in
// batches and trained, against the definition.

import Foundation
import SwiftletCPU
import SwiftletGraph
import SwiftletTraining
import TestSupport
import Testing

@Suite struct SharedLayersTests {
  /// Two convolutions with one weight and one bias, a norm after the first of them, and two heads.
  private static func graph() throws -> Graph {
    var builder = GraphBuilder(name: "shared layers")
    let x = builder.input("image", TensorType([1, 7, 6, 3]))
    let stem = try builder.parameter("stem.weight", .convolution, [1, 1, 3, 4])
    var y = try builder.apply(Convolution(window: Window(kernel: 1)), x, stem, label: "stem")
    let weight = try builder.parameter("shared.weight", .convolution, [3, 3, 4, 4])
    let bias = try builder.parameter("shared.bias", .bias, [4])
    var pooled: [Value] = []
    for (index, stride) in [1, 2].enumerated() {
      let window = Window(kernel: 3, stride: stride, padding: Padding(1))
      y = try builder.emit(Convolution(window: window), [y, weight, bias], label: "layer")[0]
      if index == 0 {
        let norm = [
          y, try builder.parameter("norm.scale", .normScale, [4]),
          try builder.parameter("norm.offset", .normOffset, [4]),
          try builder.parameter("norm.mean", .normMean, [4]),
          try builder.parameter("norm.variance", .normVariance, [4]),
        ]
        y = try builder.emit(BatchNorm(epsilon: 1e-3), norm, label: "norm")[0]
      }
      y = try builder.apply(Activation(.hardSwish), y, label: "activation")
      pooled.append(try builder.apply(GlobalAveragePool(), y, label: "pool\(index)"))
    }
    let classifier = try builder.parameter("classifier.weight", .linear, [4, 5])
    let logits = try pooled.map { try builder.apply(Linear(), $0, classifier, label: "classifier") }
    builder.output("logits", logits[1])
    builder.output("auxiliary", logits[0])
    let text = try JSONEncoder().encode(builder.finish())
    return try JSONDecoder().decode(Graph.self, from: text)
  }

  private static func parameters(_ graph: Graph) throws -> Parameters {
    var generator = SeededGenerator(seed: 8)
    var parameters = Parameters()
    for spec in graph.parameters {
      let isPositive = spec.role == .normVariance || spec.role == .normScale
      let range: ClosedRange<Double> = isPositive ? 0.5...1.5 : -0.5...0.5
      parameters[spec.name] = try HostTensor(spec.shape, uniform: range, using: &generator).tensor()
    }
    return parameters
  }

  @Test(arguments: [1, 2, 5])
  func foldedAndRunItIsItsDefinition(batch: Int) throws {
    let graph = try Self.graph().rebatched(to: batch)
    let parameters = try Self.parameters(graph)
    var generator = SeededGenerator(seed: 9)
    let image = try HostTensor([batch, 7, 6, 3], uniform: -1...1, using: &generator).tensor()
    let expected = try ReferencePlan(graph, parameters: parameters).run([HostTensor(image)])
    for set in InstructionSet.allCases.filter(\.isAvailable) {
      for threads in [1, 2, 3] {
        let plan = try CPUBackend(threads: threads, instructionSet: set).inferencePlan(
          graph, parameters: parameters)
        try plan.verify()
        var session = plan.makeCPUSession()
        for (result, reference) in zip(try session.run([image]), expected) {
          let worst = disagreement(result.doubles(), reference.values, relativeToScale: 1e-5)
          #expect(worst == nil, "batch \(batch), \(set), \(threads): \(worst.map { "\($0)" } ?? "")")
        }
      }
    }
  }

  /// Three updates with momentum: the shared weight's gradient is the sum of both layers'.
  @Test func trainedItIsItsDefinition() throws {
    let network = try Self.graph().rebatched(to: 6).trainingForm()
    let step = try TrainingStep(network, StepOptions(optimizer: .sgd(momentum: 0.9), weightDecay: 1e-3))
    #expect(step.trained.contains("shared.weight") && step.trained.contains("shared.bias"))
    let trial = EngineTrial(
      graph: step.graph, state: try step.initialState(Self.parameters(network)), steps: 3,
      fill: { name, _, floats in
        switch name {
        case "rates": _ = floats.update(fromContentsOf: StepRates(learningRate: 0.05).values)
        case "gradient.loss": floats[0] = 1
        case "targets": for row in 0..<6 { floats[row * 5 + row % 5] = 1 }
        default: return false
        }
        return true
      })
    try trial.compare()
  }
}
