// TrainingGoldenTests.swift: a step's gradients and ten steps' losses against PyTorch, from weights and batches that both sides
// draw by one rule (Scripts/goldens/README.md).

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletFormats
import SwiftletTraining
import TestSupport
import Testing

/// The manifest that Scripts/goldens/training.py writes.
struct TrainingGoldens: Decodable {
  struct Network: Decodable, CustomTestStringConvertible, Sendable {
    let name: String, library: String
    let batch: Int, pixels: Int
    let learningRate: Double, weightDecay: Double
    let losses: [Double]
    let zeroGradients: Int
    let largestGradient: Double
    var testDescription: String { name }
  }
  let seed: UInt64
  let classes: Int, samples: Int
  let nudge: Double, zero: Double
  let momentum: Double
  let networks: [Network]

  static let shared: TrainingGoldens? = try? JSONDecoder().decode(
    TrainingGoldens.self, from: Data(contentsOf: Files.golden("training/manifest.json")))

  /// The number `u` in [0, 1) of each element of a stream.
  func uniform(_ stream: String, _ count: Int) -> [Double] {
    var generator = SeededGenerator(seed: seed, stream: stream)
    return (0..<count).map { _ in generator.uniform() }
  }

  /// Images of 4 × 4 patches of colour with noise, NHWC.
  func images(_ number: Int, _ network: Network) -> [Float] {
    let (batch, pixels) = (network.batch, network.pixels)
    let noise = uniform("batch.\(number)", batch * pixels * pixels * 3)
    let patches = uniform("batch.\(number).patches", batch * 4 * 4 * 3)
    return noise.indices.map { i in
      let (c, x, y, n) = (i % 3, i / 3 % pixels, i / 3 / pixels % pixels, i / 3 / pixels / pixels)
      let patch = patches[((n * 4 + y / (pixels / 4)) * 4 + x / (pixels / 4)) * 3 + c]
      return Float((2 * patch - 1) + 0.5 * (2 * noise[i] - 1))
    }
  }
}

/// What a golden says of a network: its weights by the rule, and what PyTorch's gradients of them are.
struct GoldenTensors {
  struct Gradient {
    let norm: Double, largest: Double
    /// Entries by their place in PyTorch's layout.
    let entries: [(place: Int, value: Double)]
  }
  /// The state dict.
  let weights: NamedTensors
  /// The same, where each element is its own place in the tensor.
  let places: NamedTensors
  /// By the names of the state dict.
  private(set) var gradients: [String: Gradient] = [:]

  init(_ network: TrainingGoldens.Network, _ goldens: TrainingGoldens) throws {
    let text = try String(contentsOf: Files.golden("training/\(network.name).tensors.txt"), encoding: .utf8)
    let rows = text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    let names = Set(rows.map { $0[0] })
    var entries = try readNumpy(Files.golden("training/\(network.name).gradients.npy")).values[...]
    var nudges = try readNumpy(Files.golden("training/\(network.name).nudges.npy")).values[...]
    var (weights, places) = ([(name: String, tensor: Tensor)](), [(name: String, tensor: Tensor)]())
    for row in rows where !row[0].hasSuffix("num_batches_tracked") {
      let name = row[0]
      let shape = Shape(row[1].split(separator: "x").compactMap { Int($0) })
      let leaf = name.split(separator: ".").last ?? ""
      let isNorm = names.contains("\(name.dropLast(leaf.count))running_mean")
      let fan = Double(shape.count / max(shape.dimensions.first ?? 1, 1))
      var values = goldens.uniform(name, shape.count)
      switch leaf {
      case "running_mean": values = values.map { _ in 0 }
      case "running_var": values = values.map { _ in 1 }
      case "weight" where shape.rank > 1: values = values.map { (2 * $0 - 1) * (6 / fan).squareRoot() }
      case "weight": values = values.map { 0.75 + 0.5 * $0 }
      case "bias" where isNorm:
        values = zip(values, nudges).map { (2 * $0 - 1) * 0.2 + ($1 - 128) * goldens.nudge }
        nudges = nudges.dropFirst(shape.count)
      default: values = values.map { 0.5 + 0.5 * $0 }
      }
      weights.append((name, try Tensor(shape: shape, floats: values.map { Float($0) })))
      places.append((name, try Tensor(shape: shape, floats: values.indices.map { Float($0) })))
      guard row.count == 4, let norm = Double(row[2]), let largest = Double(row[3]) else { continue }
      let chosen =
        shape.count <= goldens.samples
        ? Array(0..<shape.count)
        : goldens.uniform("sample.\(name)", goldens.samples).map { Int($0 * Double(shape.count)) }
      gradients[name] = Gradient(
        norm: norm, largest: largest, entries: Array(zip(chosen, entries).map { ($0, $1) }))
      entries = entries.dropFirst(chosen.count)
    }
    try #require(entries.isEmpty && nudges.isEmpty)
    (self.weights, self.places) = (try NamedTensors(weights), try NamedTensors(places))
  }
}

@Suite(.serialized) struct TrainingGoldenTests {
  static let goldens = TrainingGoldens.shared?.networks ?? []

  @Test func everyGoldenIsCompared() {
    #expect(
      Self.goldens.map(\.name) == [
        "mobilenet_v2", "mobilenet_v3_small", "cifar_se_resnet20", "cifar_se_resnet18", "se_resnext50_32x4d",
      ])
  }

  /// The network as the golden has it, its step, and how the two name things.
  private struct Trial {
    let goldens: TrainingGoldens
    let golden: TrainingGoldens.Network
    let tensors: GoldenTensors
    let network: Graph
    let map: NameMap

    init(_ golden: TrainingGoldens.Network) throws {
      goldens = try #require(TrainingGoldens.shared)
      self.golden = golden
      let dialect: Dialect = try #require(Dialect(rawValue: golden.library))
      var architecture = try Zoo.architecture(
        golden.name, ZooOptions(dialect: dialect))
      architecture.classes = goldens.classes
      architecture.resolution = golden.pixels
      network = try architecture.graph(
        batch: golden.batch, mode: .training, regularization: Regularization(dropout: 0))
      tensors = try GoldenTensors(golden, goldens)
      let (network, weights) = (network, tensors.weights)
      map = try #require(NameMap.all.first { $0.problems(for: network, in: weights)?.isEmpty == true })
    }

    func step(exposing: Bool) throws -> (TrainingStep, any TrainingSession) {
      let step = try TrainingStep(
        network,
        StepOptions(
          optimizer: .sgd(momentum: goldens.momentum), weightDecay: golden.weightDecay,
          exposesGradients: exposing))
      let state = try step.initialState(try map.parameters(for: network, in: tensors.weights))
      return (step, try CPUBackend(threads: 2).makeTrainingSession(step.graph, parameters: state))
    }

    /// Runs one step on a batch and returns its loss.
    func run(_ session: any TrainingSession, _ step: TrainingStep, batch number: Int) throws -> Double {
      for (index, port) in step.graph.inputs.enumerated() {
        session.withInput(index) { floats in
          switch port.name {
          case "image": _ = floats.update(fromContentsOf: goldens.images(number, golden))
          case "rates":
            _ = floats.update(fromContentsOf: StepRates(learningRate: golden.learningRate).values)
          case "gradient.loss": floats[0] = 1
          case "targets":
            floats.update(repeating: 0)
            for n in 0..<golden.batch {
              floats[n * goldens.classes + (n + number) % goldens.classes] = 1
            }
          default: floats.update(repeating: 0)
          }
        }
      }
      try session.run()
      return session.withOutput(try #require(step.output("loss"))) { Double($0[0]) }
    }
  }

  /// Each stored entry within 1e-4 of the tensor's largest, and the norm of all entries within 1e-4. A gradient that is zero
  /// in exact arithmetic (norm offsets before another norm) has no scale of its own: there the network's largest is the scale.
  @Test(arguments: goldens)
  func gradientsAreThoseOfPyTorch(golden: TrainingGoldens.Network) throws {
    let trial = try Trial(golden)
    let (step, session) = try trial.step(exposing: true)
    _ = try trial.run(session, step, batch: 0)
    let places = try trial.map.parameters(for: trial.network, in: trial.tensors.places)
    let floor = trial.goldens.zero * golden.largestGradient
    var (compared, zeros) = (0, 0)
    var worst = (excess: 0.0, name: "")
    for source in try #require(trial.map.sources(for: trial.network)) where source.parameter.role.isTrainable
    {
      let name = source.parameter.name
      let expected = try #require(trial.tensors.gradients[source.name], "\(source.name)")
      let output = try #require(step.output("gradient.\(name)"), "\(name)")
      let ours = session.withOutput(output) { $0.map(Double.init) }
      // From our layout to PyTorch's.
      var theirs = ours
      for (value, place) in zip(ours, try #require(places[name]).floats()) { theirs[Int(place)] = value }
      let isZero = expected.largest <= floor
      let scale = isZero ? golden.largestGradient : expected.largest
      let entries = disagreement(
        expected.entries.map { theirs[$0.place] }, expected.entries.map(\.value), absolute: 1e-4 * scale,
        relative: 0)
      #expect(entries == nil, "\(source.name): \(entries.map(String.init(describing:)) ?? "")")
      let norm = ours.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let norms = disagreement(
        [norm], [expected.norm], absolute: isZero ? 1e-4 * scale : 0, relative: 1e-4)
      #expect(norms == nil, "\(source.name), norm: \(norms.map(String.init(describing:)) ?? "")")
      let error = expected.entries.map { abs(theirs[$0.place] - $0.value) / scale }.max() ?? 0
      if error > worst.excess { worst = (error, source.name) }
      compared += 1
      if isZero { zeros += 1 }
    }
    #expect(compared == trial.tensors.gradients.count && compared == step.trained.count)
    #expect(zeros == golden.zeroGradients)
    // Printed so that a report can quote it.
    print("\(golden.name): \(compared) gradients, worst \(worst.excess) of its scale, \(worst.name)")
  }

  @Test(arguments: goldens)
  func tenLossesAreThoseOfPyTorch(golden: TrainingGoldens.Network) throws {
    let trial = try Trial(golden)
    let (step, session) = try trial.step(exposing: false)
    let losses = try golden.losses.indices.map { try trial.run(session, step, batch: $0) }
    #expect(losses.count == 10)
    let worst = disagreement(losses, golden.losses, relative: 1e-3)
    #expect(worst == nil, "\(golden.name): \(worst.map(String.init(describing:)) ?? "")")
    let error = zip(losses, golden.losses).map { abs($0 - $1) / $1 }.max() ?? 0
    print("\(golden.name): losses within \(error)")
  }
}
