// StepGoldenTests.swift: some steps of every optimizer, and the gradients of an SE-ResNeXt block, against PyTorch, from numbers that both
// sides draw by one rule (Scripts/goldens/README.md).

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

/// What Scripts/goldens/steps.py writes.
struct StepGoldens: Decodable {
  struct Case: Decodable {
    let losses: [Double]
    let parameters: [String: [Double]]
  }
  struct Block: Decodable {
    struct Gradient: Decodable {
      let norm: Double, largest: Double
      let entries: [Double]
    }
    let attempt: Int, samples: Int
    let gradients: [String: Gradient]
  }
  let seed: UInt64
  let cases: [String: Case]
  let block: Block

  static let shared: StepGoldens? = try? JSONDecoder().decode(
    StepGoldens.self, from: Data(contentsOf: Files.golden("steps/goldens.json")))

  func drawn(_ stream: String, _ count: Int, _ range: ClosedRange<Double>) -> [Float] {
    var generator = SeededGenerator(seed: seed, stream: stream)
    return (0..<count).map { _ in
      Float(range.lowerBound + (range.upperBound - range.lowerBound) * generator.uniform())
    }
  }

  /// What a parameter starts from.
  func start(_ spec: ParameterSpec, stream: String) throws -> Tensor {
    let floats: [Float] =
      switch spec.role {
      case .normMean: [Float](repeating: 0, count: spec.shape.count)
      case .normVariance: [Float](repeating: 1, count: spec.shape.count)
      case .normScale: drawn(stream, spec.shape.count, 0.7...1.3)
      case .normOffset: drawn(stream, spec.shape.count, -0.3...0.3)
      default: drawn(stream, spec.shape.count, -0.5...0.5)
      }
    return try Tensor(shape: spec.shape, floats: floats)
  }
}

@Suite struct StepGoldenTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let optimizer: Optimizer
    var clipNorm: Double?
    var accumulates = false
    var averages = false
    var teaches = false
    var testDescription: String { name }

    var options: StepOptions {
      StepOptions(
        loss: teaches
          ? DistillationLoss(temperature: 3, weight: 0.7, smoothing: 0.1) : CrossEntropyLoss(smoothing: 0.1),
        optimizer: optimizer, weightDecay: 1e-2, clipNorm: clipNorm, accumulates: accumulates,
        averages: averages)
    }
  }

  static let cases = [
    Case(name: "sgd", optimizer: .sgd(momentum: 0)),
    Case(name: "momentum", optimizer: .sgd(momentum: 0.9)),
    Case(name: "nesterov", optimizer: .sgd(momentum: 0.9, nesterov: true)),
    Case(name: "rmsProp", optimizer: .rmsProp(epsilon: 1e-3)),
    Case(name: "adamW", optimizer: .adamW()),
    Case(name: "clipping", optimizer: .sgd(momentum: 0.9), clipNorm: 0.05),
    Case(name: "accumulation", optimizer: .sgd(momentum: 0.9), accumulates: true),
    Case(name: "averages", optimizer: .sgd(momentum: 0.9), averages: true),
    Case(name: "distillation", optimizer: .sgd(momentum: 0.9), teaches: true),
  ]

  @Test func everyGoldenIsCompared() throws {
    #expect(try #require(StepGoldens.shared).cases.keys.sorted() == Self.cases.map(\.name).sorted())
  }

  @Test(arguments: cases)
  func fourUpdatesAreThoseOfPyTorch(test: Case) throws {
    let goldens = try #require(StepGoldens.shared)
    let golden = try #require(goldens.cases[test.name])
    let network = try OptimizerEngineTests.network(.silu, .tanh).finished()
    let step = try TrainingStep(network, test.options)
    var start = Parameters()
    for spec in network.parameters { start[spec.name] = try goldens.start(spec, stream: spec.name) }
    for set in InstructionSet.allCases where set.isAvailable {
      let session = try CPUBackend(threads: 2, instructionSet: set).makeTrainingSession(
        step.graph, parameters: try step.initialState(start))
      var losses: [Double] = []
      for number in 1...golden.losses.count {
        for (index, port) in step.graph.inputs.enumerated() {
          session.withInput(index) { floats in
            switch port.name {
            case "rates":
              let ends = !test.accumulates || number % 2 == 0
              let rates = StepRates(
                learningRate: 0.05, applies: ends, keeps: ends, averageDecay: 0.9,
                update: test.accumulates ? (number + 1) / 2 : number)
              _ = floats.update(fromContentsOf: rates.values)
            case "gradient.loss": floats[0] = test.accumulates ? 0.5 : 1
            case "targets":
              floats.update(repeating: 0)
              for row in 0..<5 { floats[row * 5 + (row + number) % 5] = 1 }
            default:
              _ = floats.update(
                fromContentsOf: goldens.drawn("\(port.name).\(number)", floats.count, -1...1))
            }
          }
        }
        try session.run()
        losses.append(session.withOutput(try #require(step.output("loss"))) { Double($0[0]) })
      }
      let worst = disagreement(losses, golden.losses, relative: 1e-5)
      #expect(worst == nil, "loss, \(set): \(worst.map(String.init(describing:)) ?? "")")
      let end = try session.parameters()
      for (name, expected) in golden.parameters {
        let ours = try #require(end[test.averages ? "average/\(name)" : name]).doubles()
        let before = try #require(start[name]).doubles()
        let changes = zip(expected, before).map { $0 - $1 }
        let worst = disagreement(
          zip(ours, before).map { $0 - $1 }, changes,
          absolute: 1e-4 * (changes.map(abs).max() ?? 0) + 5e-7, relative: 0)
        #expect(worst == nil, "\(name), \(set): \(worst.map(String.init(describing:)) ?? "")")
      }
    }
  }

  /// Each stored entry within 1e-4 of the tensor's largest, and the norm of all entries within 1e-4.
  @Test func gradientsOfAGroupedBlockAreThoseOfPyTorch() throws {
    let goldens = try #require(StepGoldens.shared)
    let golden = goldens.block
    let row = Row.bottleneck(
      256, reduce: 128, groups: 32, stride: 2, alwaysStridesSpatial: true, squeeze: .senet, repeats: 1)
    let forward = try row.block.graph(input: [4, 9, 9, 64], conventions: Conventions(.paper)).trainingForm()
    let graph = try forward.differentiated(inputs: ["image"])
    let prefix = "stages.0.0."
    var start = Parameters()
    for spec in graph.parameters {
      start[spec.name] = try goldens.start(
        spec, stream: "\(golden.attempt)." + spec.name.dropFirst(prefix.count))
    }
    for set in InstructionSet.allCases where set.isAvailable {
      let session = try CPUBackend(threads: 2, instructionSet: set).makeTrainingSession(
        graph, parameters: start)
      for (index, port) in graph.inputs.enumerated() {
        let stream = port.name == "image" ? "\(golden.attempt).image" : "gradient"
        session.withInput(index) {
          _ = $0.update(fromContentsOf: goldens.drawn(stream, $0.count, -1...1))
        }
      }
      try session.run()
      var compared: Set<String> = []
      for (index, port) in graph.outputs.enumerated() where port.name.hasPrefix("gradient.") {
        let name = port.name.replacing("gradient.", with: "").replacing(prefix, with: "")
        let expected = try #require(golden.gradients[name], "\(name)")
        let ours = session.withOutput(index) { $0.map(Double.init) }
        var places = Array(ours.indices)
        if ours.count > golden.samples {
          var generator = SeededGenerator(seed: goldens.seed, stream: "sample.\(name)")
          places = (0..<golden.samples).map { _ in Int(generator.uniform() * Double(ours.count)) }
        }
        let worst = disagreement(
          places.map { ours[$0] }, expected.entries, absolute: 1e-4 * expected.largest, relative: 0)
        #expect(worst == nil, "\(name), \(set): \(worst.map(String.init(describing:)) ?? "")")
        let norm = ours.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(abs(norm - expected.norm) <= 1e-4 * expected.norm, "\(name), \(set): norm")
        compared.insert(name)
      }
      #expect(compared == Set(golden.gradients.keys))
    }
  }
}
