// TrainingAllocationTests.swift: a step of training allocates nothing: each run of several is counted.

import AllocationCounter
import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

@Suite(.serialized) struct TrainingAllocationTests {
  static func session(
    _ name: String, width: Double? = nil, resolution: Int, threads: Int
  ) throws -> CPUTrainingSession {
    var network = try Zoo.architecture(name)
    if let width { network.width = width }
    (network.resolution, network.classes) = (resolution, 5)
    let graph = try network.graph(batch: 8, mode: .training)
    let step = try TrainingStep(
      graph,
      StepOptions(
        loss: DistillationLoss(), optimizer: .sgd(momentum: 0.9), clipNorm: 5, accumulates: true,
        averages: true))
    let state = try step.initialState(Parameters(initializing: graph, seed: 1))
    let session = try CPUBackend(threads: threads).makeTrainingSession(step.graph, parameters: state)
    TrainingEngineTests.fill(session, step, number: 1)
    return try #require(session as? CPUTrainingSession)
  }

  static let networks: [(String, Double?, Int)] = [
    ("mobilenet_v2", 0.35, 64), ("mobilenet_v3_small", 0.5, 64), ("cifar_se_resnet20", nil, 32),
    ("resnet18", nil, 64),
  ]

  @Test(
    .enabled(if: allocation_counter_works() != 0, "allocations cannot be counted here"), arguments: networks)
  func aStepAllocatesNothing(name: String, width: Double?, resolution: Int) throws {
    // On one thread, whose own allocations are counted: tests on other threads do not disturb.
    let alone = try Self.session(name, width: width, resolution: resolution, threads: 1)
    // Whatever is made on first use, such as metadata of types, is there after one run.
    alone.run()
    for run in 0..<6 {
      allocation_counter_start_here()
      alone.run()
      #expect(allocation_counter_stop_here() == 0, "run \(run)")
    }
    // With a pool the caller's thread is counted: the others run the same code.
    let shared = try Self.session(name, width: width, resolution: resolution, threads: 2)
    shared.run()
    for run in 0..<6 {
      allocation_counter_start_here()
      shared.run()
      #expect(allocation_counter_stop_here() == 0, "run \(run) on two threads")
    }
    allocation_counter_start_here()
    let array = [Int](repeating: 1, count: Int.random(in: 1000...2000))
    #expect(allocation_counter_stop_here() > 0, "the counter does not count \(array.count)")
  }
}
