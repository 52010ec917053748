// TrainingEngineTests.swift: whole steps of training on the engine, against every operation's definition.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

@Suite struct TrainingEngineTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var width: Double?
    var resolution = 32
    var batch = 3
    var frozen: [String] = []
    var depth = 0.0
    var testDescription: String { name + (frozen.isEmpty ? "" : " frozen") }
  }

  static let cases = [
    Case(name: "mobilenet_v1", width: 0.25, resolution: 45),
    Case(name: "mobilenet_v2", width: 0.35, batch: 9),
    Case(name: "mobilenet_v2", width: 0.35, frozen: ["stem", "stages.0", "stages.1"]),
    Case(name: "mobilenet_v3_large", width: 0.35), Case(name: "mobilenet_v3_small", width: 0.5, depth: 0.4),
    Case(name: "mobilenet_edgetpu", width: 0.35), Case(name: "se_mobilenet_v1", width: 0.25),
    Case(name: "cifar_mobilenet_v2", width: 0.35), Case(name: "cifar_resnet20", resolution: 17, batch: 4),
    Case(name: "cifar_se_resnet20", resolution: 16), Case(name: "resnet18", resolution: 33, batch: 2),
    Case(name: "se_resnet18", resolution: 32, batch: 2, depth: 0.5),
    Case(name: "se_resnet50_pre", resolution: 32, batch: 2),
    Case(name: "se_resnet50_post", resolution: 32, batch: 2),
    Case(name: "se_resnet50_identity", resolution: 32, batch: 2),
    Case(name: "se_resnet50_spatial", resolution: 32, batch: 2),
  ]

  static func step(_ test: Case) throws -> (TrainingStep, Parameters) {
    var architecture = try Zoo.architecture(test.name)
    if let width = test.width { architecture.width = width }
    architecture.classes = 5
    architecture.resolution = test.resolution
    let network = try architecture.graph(
      batch: test.batch, mode: .training,
      regularization: Regularization(stochasticDepth: test.depth, frozenNorms: test.frozen, seed: 3))
    let frozen = test.frozen
    let step = try TrainingStep(
      network,
      StepOptions(
        loss: CrossEntropyLoss(smoothing: 0.1), optimizer: .sgd(momentum: 0.9, nesterov: true),
        weightDecay: 1e-3, clipNorm: 5, averages: true,
        isFrozen: { spec in frozen.contains { spec.name.hasPrefix($0 + ".") } }))
    var generator = SeededGenerator(seed: 3, stream: test.name)
    var parameters = Parameters()
    for spec in network.parameters {
      let fan = Double(max(spec.shape.count / max(spec.shape[-1], 1), 1))
      let range: ClosedRange<Double> =
        switch spec.role {
        case .normScale, .normVariance: 0.5...1.5
        case .bias, .normOffset, .normMean: -0.2...0.2
        default: (-(6 / fan).squareRoot())...(6 / fan).squareRoot()
        }
      parameters[spec.name] = try HostTensor(spec.shape, uniform: range, using: &generator).tensor()
    }
    return (step, try step.initialState(parameters))
  }

  static func fill(_ session: any TrainingSession, _ step: TrainingStep, number: Int) {
    for (index, port) in step.graph.inputs.enumerated() {
      var generator = SeededGenerator(seed: UInt64(number), stream: port.name)
      session.withInput(index) { floats in
        switch port.name {
        case "step": floats[0] = Float(number)
        case "rates":
          _ = floats.update(
            fromContentsOf: StepRates(learningRate: 0.05, averageDecay: 0.9, update: number).values)
        case "gradient.loss": floats[0] = 1
        case "targets":
          for i in floats.indices { floats[i] = 0 }
          for row in 0..<(floats.count / 5) { floats[row * 5 + (row + number) % 5] = 1 }
        default: for i in floats.indices { floats[i] = Float(generator.uniform(-1, 1)) }
        }
      }
    }
  }

  @Test(arguments: cases)
  func aStepIsItsDefinition(test: Case) throws {
    let (step, state) = try Self.step(test)
    let reference = try ReferenceBackend().makeTrainingSession(step.graph, parameters: state)
    Self.fill(reference, step, number: 1)
    try reference.run()
    let expected = try reference.parameters()
    for set in InstructionSet.allCases where set.isAvailable {
      var first: Parameters?
      for threads in [1, 2, 3] {
        let session = try CPUBackend(threads: threads, instructionSet: set).makeTrainingSession(
          step.graph, parameters: state)
        Self.fill(session, step, number: 1)
        try session.run()
        for (index, port) in step.graph.outputs.enumerated() {
          let (got, wanted) = (
            session.withOutput(index) { $0.map(Double.init) },
            reference.withOutput(index) { $0.map(Double.init) }
          )
          let worst = disagreement(got, wanted, relativeToScale: 2e-4)
          #expect(worst == nil, "\(port.name), \(set): \(worst.map(String.init(describing:)) ?? "")")
        }
        let result = try session.parameters()
        for (name, tensor) in result.all {
          guard let before = state[name]?.doubles(), let after = expected[name]?.doubles() else { continue }
          if let first {
            #expect(first[name]?.floats() == tensor.floats(), "\(name), \(set): \(threads) threads differ")
            continue
          }
          // What the step changed, not the weights themselves.
          let changes = zip(after, before).map { $0 - $1 }
          let worst = disagreement(
            zip(tensor.doubles(), before).map { $0 - $1 }, changes,
            absolute: 2e-3 * (changes.map(abs).max() ?? 0) + 2e-7 * (before.map(abs).max() ?? 0),
            relative: 1e-4)
          #expect(worst == nil, "\(name), \(set): \(worst.map(String.init(describing:)) ?? "")")
        }
        if first == nil { first = result }
      }
    }
  }
}
