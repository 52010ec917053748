// Benchmark.swift: times a network on random input with seeded random weights.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

/// Measures how long a network takes.
public struct Benchmark {
  /// The time of one step of the plan.
  public struct StepTime: Sendable {
    /// The nodes that the step does, and its kind.
    public let labels: [String], kind: String
    /// The least time of several runs on one thread.
    public let seconds: Double
    /// Multiply-adds of its nodes.
    public let multiplyAdds: Int
  }

  /// The measurements.
  public struct Measurement: Sendable {
    /// Times of a run in seconds.
    public let median: Double, minimum: Double
    /// Half the width of the middle 80 % of times, over the median.
    public let dispersion: Double
    /// The number of timed runs.
    public let runs: Int
    /// Multiply-adds of a run.
    public let multiplyAdds: Int
    /// The instruction set of the kernels.
    public let instructionSet: String
    /// Bytes of the session's activations.
    public let activationBytes: Int
    /// Multiply-adds per second that one core can do at most, where steps are timed.
    public let peak: Double?
    /// The time of each step, where steps are timed.
    public let steps: [StepTime]?
  }

  private let plan: CPUPlan
  private var graph: Graph { plan.graph }

  /// Prepares a network.
  ///
  /// - Throws: ``ArchitectureError``, ``GraphError``, ``PlanError``.
  public init(_ network: NetworkDefinition, batch: Int, engine: CPUBackend) throws {
    let graph = try network.graph(batch: batch)
    plan = try engine.inferencePlan(graph, parameters: Parameters(initializing: graph, seed: 1))
  }

  /// Runs the network for about `seconds`, at least five times, after a warm-up.
  public func measure(seconds: Double, steps: Bool = false) -> Measurement {
    var session = plan.makeCPUSession()
    var generator = SeededGenerator(seed: 2)
    session.withInput(0) { for index in $0.indices { $0[index] = Float(generator.uniform(-1, 1)) } }
    for _ in 0..<3 { session.run() }
    var times: [Double] = []
    let start = ContinuousClock.now
    while times.count < 5 || (ContinuousClock.now - start).inSeconds < seconds {
      let begin = ContinuousClock.now
      session.run()
      times.append((ContinuousClock.now - begin).inSeconds)
    }
    times.sort()
    let median = times[times.count / 2]
    let spread = times[times.count * 9 / 10] - times[times.count / 10]
    return Measurement(
      median: median, minimum: times[0], dispersion: spread / 2 / median, runs: times.count,
      multiplyAdds: graph.multiplyAdds, instructionSet: plan.instructionSet.rawValue,
      activationBytes: plan.activationBytes,
      peak: steps ? plan.instructionSet.peakMultiplyAddsPerSecond() : nil,
      steps: steps ? stepTimes(&session) : nil)
  }

  private func stepTimes(_ session: inout CPUSession) -> [StepTime] {
    let adds = Dictionary(
      uniqueKeysWithValues: graph.nodes.map { ($0.label, graph.cost(of: $0).multiplyAdds) })
    var least = session.timedSteps()
    for _ in 0..<30 { least = zip(least, session.timedSteps()).map { min($0, $1) } }
    return zip(plan.stepNames, least).map { step, seconds in
      StepTime(
        labels: step.labels, kind: step.kind, seconds: seconds,
        multiplyAdds: step.labels.reduce(0) { $0 + (adds[$1] ?? 0) })
    }
  }
}
