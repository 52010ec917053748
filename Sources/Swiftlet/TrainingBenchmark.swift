// TrainingBenchmark.swift: times whole steps of training on random data.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Measures how long a step of training takes: forward, loss, backward and SGD with momentum.
public struct TrainingBenchmark {
  /// The measurements.
  public struct Measurement: Sendable {
    /// Times of a step in seconds.
    public let median: Double, minimum: Double
    /// Half the width of the middle 80 % of times, over the median.
    public let dispersion: Double
    /// The number of timed steps.
    public let runs: Int
    /// Multiply-adds of a step: three times those of the network.
    public let multiplyAdds: Int
    /// The instruction set of the kernels.
    public let instructionSet: String
    /// The most memory that the process ever had, in bytes.
    public let peakBytes: Int
    /// Bytes of the step's activations and gradients, and of everything that it holds.
    public let activationBytes: Int, sessionBytes: Int
    /// Multiply-adds per second that one core can do at most, where ops are timed.
    public let peak: Double?
    /// The least time of each work on one thread, where ops are timed.
    package let ops: [CPUTrainingSession.OpTime]?
  }

  private let session: any TrainingSession
  private let step: TrainingStep
  private let multiplyAdds: Int
  private let instructionSet: InstructionSet

  /// Prepares a network.
  ///
  /// - Throws: ``ArchitectureError``, ``GraphError``, ``TrainingError/tooLittleMemory(what:needed:available:)``.
  public init(_ definition: NetworkDefinition, batch: Int, engine: CPUBackend) throws {
    let network = try definition.graph(batch: batch, mode: .training)
    step = try TrainingStep(
      network, StepOptions(optimizer: .sgd(momentum: 0.9), weightDecay: 4e-5))
    instructionSet = engine.instructionSet
    try MemoryNeed(step: step.graph, batch: batch, resolution: definition.resolution, prefetch: 0)
      .check(limit: nil)
    session = try engine.makeTrainingSession(
      step.graph, parameters: try step.initialState(Parameters(initializing: network, seed: 1)))
    multiplyAdds = 3 * network.multiplyAdds
    for (index, port) in step.graph.inputs.enumerated() {
      var generator = SeededGenerator(seed: 2, stream: port.name)
      session.withInput(index) { floats in
        switch port.name {
        case PortName.rates: _ = floats.update(fromContentsOf: StepRates(learningRate: 0.01).values)
        case PortName.gradient(of: PortName.loss): floats[0] = 1
        case PortName.targets:
          for row in 0..<batch { floats[row * definition.classes + row % definition.classes] = 1 }
        default: for index in floats.indices { floats[index] = Float(generator.uniform(-1, 1)) }
        }
      }
    }
  }

  /// Runs steps for about `seconds`, at least five, after a warm-up.
  ///
  /// - Throws: the error of the step.
  public func measure(seconds: Double, ops: Bool = false) throws -> Measurement {
    for _ in 0..<2 { try session.run() }
    var times: [Double] = []
    let start = ContinuousClock.now
    while times.count < 5 || (ContinuousClock.now - start).inSeconds < seconds {
      let begin = ContinuousClock.now
      try session.run()
      times.append((ContinuousClock.now - begin).inSeconds)
    }
    times.sort()
    let median = times[times.count / 2]
    let spread = times[times.count * 9 / 10] - times[times.count / 10]
    var least: [CPUTrainingSession.OpTime]?
    if ops, let session = session as? CPUTrainingSession {
      var best = session.timedOps()
      for _ in 0..<3 {
        best = zip(best, session.timedOps()).map { $0.seconds < $1.seconds ? $0 : $1 }
      }
      least = best
    }
    return Measurement(
      median: median, minimum: times[0], dispersion: spread / 2 / median, runs: times.count,
      multiplyAdds: multiplyAdds, instructionSet: instructionSet.rawValue, peakBytes: Self.peakBytes,
      activationBytes: (session as? CPUTrainingSession)?.activationBytes ?? 0,
      sessionBytes: session.byteCount,
      peak: ops ? instructionSet.peakMultiplyAddsPerSecond() : nil, ops: least)
  }

  /// The most memory that this process ever had.
  private static var peakBytes: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #elseif canImport(Glibc)
      getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss) * 1024
    #endif
  }
}
