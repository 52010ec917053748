// EngineTrial.swift: several steps of a training graph on the engine, compared with the definition of every operation.

import SwiftletCPU
import SwiftletGraph
import TestSupport
import Testing

/// A training graph with its starting state, and how its inputs are filled.
struct EngineTrial {
  let graph: Graph
  let state: Parameters
  /// How many steps are run; each is compared.
  var steps = 1
  /// Fills an input for a step, counted from 1. What it leaves alone is filled with random numbers.
  var fill: (_ name: String, _ step: Int, _ floats: UnsafeMutableBufferPointer<Float>) -> Bool = { _, _, _ in
    false
  }
  var winograd = CPUBackend.Use.never
  var threads = [1, 2, 3]
  /// Of the largest entry of an output, and of the largest change of a parameter since the start.
  var tolerance = 1e-4
  /// Of the largest change of any parameter: for changes that are zero in exact arithmetic.
  var zero = 1e-6
  /// Of a parameter's largest magnitude, for each step: the rounding of the parameter itself.
  var rounding = 2e-7

  /// Runs the steps by definition, and on the engine with every instruction set and number of threads, and compares outputs and changes.
  ///
  /// - Returns: the largest error of any changed parameter, over its largest change.
  @discardableResult
  func compare(sourceLocation: SourceLocation = #_sourceLocation) throws -> Double {
    let reference = try ReferenceBackend().makeTrainingSession(graph, parameters: state)
    let expected = try run(reference)
    var worst = 0.0
    for set in InstructionSet.allCases where set.isAvailable {
      var first: [Snapshot]?
      for threads in threads {
        var backend = CPUBackend(threads: threads, instructionSet: set)
        backend.winograd = winograd
        let got = try run(try backend.makeTrainingSession(graph, parameters: state))
        if let first {
          for (a, b) in zip(first, got) {
            for (name, floats) in a.parameters {
              #expect(
                floats == b.parameters[name], "\(name), \(set): \(threads) threads differ",
                sourceLocation: sourceLocation)
            }
          }
          continue
        }
        first = got
        for (step, (a, b)) in zip(got, expected).enumerated() {
          let error = compare(
            a, b, "step \(step + 1), \(set)", rounds: Double(step + 1), sourceLocation: sourceLocation)
          worst = max(worst, error)
        }
      }
    }
    return worst
  }

  /// What a step leaves.
  struct Snapshot {
    var outputs: [String: [Float]] = [:]
    var parameters: [String: [Float]] = [:]
  }

  /// Runs all steps.
  func run(_ session: any TrainingSession) throws -> [Snapshot] {
    try (1...steps).map { step in
      for (index, port) in graph.inputs.enumerated() {
        var generator = SeededGenerator(seed: UInt64(step), stream: port.name)
        session.withInput(index) { floats in
          if fill(port.name, step, floats) { return }
          for i in floats.indices { floats[i] = Float(generator.uniform(-1, 1)) }
        }
      }
      try session.run()
      var snapshot = Snapshot()
      for (index, port) in graph.outputs.enumerated() {
        snapshot.outputs[port.name] = session.withOutput(index) { Array($0) }
      }
      for (name, tensor) in try session.parameters().all { snapshot.parameters[name] = tensor.floats() }
      return snapshot
    }
  }

  private func compare(
    _ got: Snapshot, _ expected: Snapshot, _ what: String, rounds: Double, sourceLocation: SourceLocation
  ) -> Double {
    for (name, values) in expected.outputs {
      let error = disagreement(
        (got.outputs[name] ?? []).map(Double.init), values.map(Double.init), relativeToScale: 2 * tolerance)
      #expect(
        error == nil, "\(name), \(what): \(error.map(String.init(describing:)) ?? "")",
        sourceLocation: sourceLocation)
    }
    let changes = expected.parameters.mapValues { $0.map(Double.init) }.reduce(into: [String: [Double]]()) {
      result, entry in
      guard let before = state[entry.key]?.doubles() else { return }
      result[entry.key] = zip(entry.value, before).map { $0 - $1 }
    }
    let largest = changes.reduce(0.0) { most, entry in
      entry.key.contains("norm") || entry.key.contains("/")
        ? most : max(most, entry.value.map(abs).max() ?? 0)
    }
    var worst = 0.0
    for (name, change) in changes {
      guard let before = state[name]?.doubles(), let after = got.parameters[name] else { continue }
      let most = change.map(abs).max() ?? 0
      let ours = zip(after, before).map { Double($0) - $1 }
      let absolute =
        tolerance * most + zero * largest + rounding * rounds
        * (expected.parameters[name].map { $0.map { Double(abs($0)) }.max() ?? 0 } ?? 0)
      let error = disagreement(ours, change, absolute: absolute, relative: 0)
      #expect(
        error == nil, "\(name), \(what): \(error.map(String.init(describing:)) ?? "")",
        sourceLocation: sourceLocation)
      if most > 1e-3 * largest {
        worst = max(worst, zip(ours, change).map { abs($0 - $1) }.max().map { $0 / most } ?? 0)
      }
    }
    return worst
  }
}

/// A small graph of its own that ends in logits, made into a step.
struct SmallNetwork {
  var builder = GraphBuilder(name: "small")
  private(set) var x: Value
  var parameters: [(name: String, shape: Shape, range: ClosedRange<Double>)] = []
  let classes = 5

  /// - Parameter input: `[N, H, W, C]`.
  init(_ input: Shape) { x = builder.input("image", TensorType(input)) }

  /// A parameter that starts between bounds.
  mutating func parameter(
    _ name: String, _ role: ParameterRole, _ shape: Shape, _ range: ClosedRange<Double> = -0.5...0.5
  ) throws -> Value {
    parameters.append((name, shape, range))
    return try builder.parameter(name, role, shape)
  }

  /// Batch norm with the batch's statistics, and its updates.
  mutating func norm(_ y: Value, _ name: String, momentum: Double = 0.1) throws -> Value {
    let channels = builder.type(of: y).shape[-1]
    let operands = [
      y, try parameter("\(name).scale", .normScale, [channels], 0.7...1.3),
      try parameter("\(name).offset", .normOffset, [channels], -0.3...0.3),
      try parameter("\(name).mean", .normMean, [channels], 0...0),
      try parameter("\(name).variance", .normVariance, [channels], 1...1),
    ]
    let results = try builder.emit(
      BatchNormTraining(epsilon: 1e-5, momentum: momentum), operands, label: name)
    builder.update("\(name).mean", results[3])
    builder.update("\(name).variance", results[4])
    return results[0]
  }

  /// Mean over all pixels and a classifier; `y` becomes logits.
  mutating func classify(_ y: Value) throws {
    let pooled = try builder.apply(GlobalAveragePool(), y, label: "pool")
    let channels = builder.type(of: y).shape[-1]
    let weight = try parameter("classifier.weight", .linear, [channels, classes])
    let bias = try parameter("classifier.bias", .bias, [classes])
    builder.output("logits", try builder.apply(Linear(), pooled, weight, bias, label: "classifier"))
  }

  /// The network, verified.
  func finished() throws -> Graph {
    try builder.finish()
  }

  /// The starting values.
  func start() throws -> Parameters {
    var state = Parameters()
    for (name, shape, range) in parameters {
      var generator = SeededGenerator(seed: 11, stream: name)
      state[name] = try HostTensor(shape, uniform: range, using: &generator).tensor()
    }
    return state
  }
}

extension EngineTrial {
  /// Labels that move on by one at each step, and the numbers of the step.
  static func filling(
    classes: Int, rates: @escaping (Int) -> StepRates,
    _ other: @escaping (String, Int, UnsafeMutableBufferPointer<Float>) -> Bool = { _, _, _ in false }
  ) -> (String, Int, UnsafeMutableBufferPointer<Float>) -> Bool {
    { name, step, floats in
      if other(name, step, floats) { return true }
      switch name {
      case "step": floats[0] = Float(step)
      case "rates": _ = floats.update(fromContentsOf: rates(step).values)
      case "gradient.loss": floats[0] = 1
      case "targets":
        floats.update(repeating: 0)
        for row in 0..<(floats.count / classes) { floats[row * classes + (row + step) % classes] = 1 }
      default: return false
      }
      return true
    }
  }
}
