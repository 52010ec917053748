// OverfitTests.swift: each family learns one batch by heart on the engine: the plainest sign that all of it is trained.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

@Suite(.serialized) struct OverfitTests {
  struct Family: Sendable, CustomTestStringConvertible {
    let name: String
    var width: Double?
    let resolution: Int
    var testDescription: String { name }
  }

  static let families = [
    Family(name: "mobilenet_v1", width: 0.25, resolution: 64),
    Family(name: "mobilenet_v2", width: 0.35, resolution: 64),
    Family(name: "mobilenet_v3_small", width: 0.5, resolution: 64),
    Family(name: "mobilenet_v3_large", width: 0.35, resolution: 64),
    Family(name: "cifar_se_resnet20", resolution: 32),
  ]
  static let (batch, classes, steps) = (16, 4, 100)

  @Test(arguments: families)
  func oneBatchIsLearntByHeart(family: Family) throws {
    let (batch, classes) = (Self.batch, Self.classes)
    var architecture = try Zoo.architecture(family.name)
    if let width = family.width { architecture.width = width }
    architecture.classes = classes
    architecture.resolution = family.resolution
    let network = try architecture.graph(
      batch: batch, mode: .training, regularization: Regularization(dropout: 0))
    let step = try TrainingStep(network, StepOptions(optimizer: .sgd(momentum: 0.9)))
    let start = try step.initialState(Parameters(initializing: network, seed: 5))
    let session = try CPUBackend(threads: 2).makeTrainingSession(step.graph, parameters: start)
    for (index, port) in step.graph.inputs.enumerated() {
      var generator = SeededGenerator(seed: 5, stream: port.name)
      session.withInput(index) { floats in
        switch port.name {
        case "rates": _ = floats.update(fromContentsOf: StepRates(learningRate: 0.05).values)
        case "gradient.loss": floats[0] = 1
        case "targets": for n in 0..<batch { floats[n * classes + n % classes] = 1 }
        // Noise: there is nothing to learn but the images themselves.
        default: for i in floats.indices { floats[i] = Float(generator.uniform(-1, 1)) }
        }
      }
    }
    let output = try #require(step.output("loss"))
    var losses: [Float] = []
    while losses.count < Self.steps, losses.last ?? 1 >= 0.01 {
      try session.run()
      losses.append(session.withOutput(output) { $0[0] })
    }
    #expect(losses[0] > 0.5, "\(family.name) starts at \(losses[0])")
    #expect(losses.last ?? 1 < 0.01, "\(family.name) ends at \(losses.suffix(3)) after \(losses.count)")
    let end = try session.parameters()
    for (name, tensor) in end.all {
      #expect(start[name]?.floats() != tensor.floats(), "\(family.name): \(name) has not changed")
    }
    print("\(family.name): loss \(losses.last ?? 1) after \(losses.count) steps")
  }
}
