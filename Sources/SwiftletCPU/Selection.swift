// Selection.swift: which way is faster for a shape, as measured: fused blocks or single layers, Winograd's products or direct ones.

import SwiftletGraph

/// Measured choices, by shape and instruction set. Where it says nothing, rules decide (`BlockFusion`, `WinogradStep`).
///
/// A table ships with the package; `swiftlet tune` measures another one on the machine where it runs.
public struct Selection: Sendable, Hashable, Codable {
  /// Whether the fused block, or Winograd's way, is the faster one, by the shape's name, such as
  /// `avx512 block 112×112 16-96-24 kernel 3 stride 2`.
  public var choices: [String: Bool]

  /// Creates a table.
  public init(_ choices: [String: Bool] = [:]) { self.choices = choices }

  /// What both know, with `other` where they differ.
  public func merging(_ other: Selection) -> Selection { Selection(choices.merging(other.choices) { $1 }) }

  func choice(_ step: BlockStep, _ set: InstructionSet) -> Bool? {
    choices["\(set.rawValue) \(step.shapeName)"]
  }

  func choice(_ step: WinogradShape, _ set: InstructionSet) -> Bool? {
    choices["\(set.rawValue) \(step.shapeName)"]
  }
}

extension BlockStep {
  /// What its speed depends on.
  var shapeName: String {
    let layers = [expand?.depth, expanded[3], project.columns].compactMap { $0.map(String.init) }
    return "block \(expanded[1])×\(expanded[2]) \(layers.joined(separator: "-")) kernel \(window.kernel) "
      + "stride \(window.stride)"
  }
}

/// What the speed of Winograd's convolution depends on.
struct WinogradShape {
  let height: Int, width: Int, channels: Int, columns: Int

  var shapeName: String { "winograd \(height)×\(width) \(channels)-\(columns)" }
}

/// Measures, for a graph, which way is faster.
public struct Tuner {
  /// A choice that was measured.
  public struct Finding: Sendable {
    /// The shape's name, with the instruction set.
    public let shape: String
    /// The seconds of the plain way and of the other one, the least of several runs on one thread.
    public let plain: Double, other: Double
    /// What the rules would choose.
    public let rule: Bool

    /// Whether the other way is faster; a difference below 2 % is noise, and the rule stands.
    public var choice: Bool { abs(plain - other) < 0.02 * min(plain, other) ? rule : other < plain }
  }

  private let graph: Graph
  private let parameters: Parameters
  private let instructionSet: InstructionSet

  /// Prepares for a graph whose norms have been folded.
  public init(_ graph: Graph, _ parameters: Parameters, instructionSet: InstructionSet) {
    (self.graph, self.parameters, self.instructionSet) = (graph, parameters, instructionSet)
  }

  /// Compiles the graph in every way and times the steps.
  ///
  /// - Throws: ``GraphError``, ``ParametersError``.
  public func findings(rounds: Int = 20) throws -> [Finding] {
    let plain = try timed(fusion: .never, winograd: .never, rounds)
    let fused = try timed(fusion: .always, winograd: .never, rounds)
    let winograd = try timed(fusion: .never, winograd: .always, rounds)
    var rules = backend(fusion: .whereItPays, winograd: .whereItPays)
    rules.selection = Selection()
    let ruled = try rules.plan(graph, parameters: parameters).steps
    let kinds = Dictionary(ruled.map { ($0.labels[0], $0.name) }) { first, _ in first }
    var seconds: [String: Double] = [:]
    for (step, time) in plain {
      for label in step.labels { seconds[label] = label == step.labels[0] ? time : 0 }
    }
    var findings: [String: Finding] = [:]
    for (step, time) in fused + winograd {
      let name: String
      switch step.kind {
      // A strip of a few rows cannot be shared evenly by threads, whatever it takes on one.
      case .block(let block) where block.filtered[1] < 14: continue
      case .block(let block): name = block.shapeName
      case .winograd(let convolution): name = convolution.shape.shapeName
      default: continue
      }
      let shape = "\(instructionSet.rawValue) \(name)"
      let finding = Finding(
        shape: shape, plain: step.labels.reduce(0) { $0 + (seconds[$1] ?? 0) }, other: time,
        rule: kinds[step.labels[0]] == step.name)
      if findings[shape] == nil { findings[shape] = finding }
    }
    return findings.values.sorted { $0.shape < $1.shape }
  }

  private func backend(fusion: CPUBackend.Use, winograd: CPUBackend.Use) -> CPUBackend {
    var backend = CPUBackend(threads: 1, instructionSet: instructionSet)
    (backend.fusion, backend.winograd) = (fusion, winograd)
    return backend
  }

  private func timed(fusion: CPUBackend.Use, winograd: CPUBackend.Use, _ rounds: Int) throws -> [(
    Step, Double
  )] {
    let plan = try backend(fusion: fusion, winograd: winograd).plan(graph, parameters: parameters)
    var session = plan.makeCPUSession()
    session.withInput(0) { $0.update(repeating: 0.5) }
    session.run()
    var least = session.timedSteps()
    for _ in 0..<rounds { least = zip(least, session.timedSteps()).map { min($0, $1) } }
    return Array(zip(plan.steps, least))
  }
}
