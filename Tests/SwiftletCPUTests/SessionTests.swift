// SessionTests.swift: what a session costs, and plans shared by many threads.

import AllocationCounter
import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

@Suite(.serialized) struct SessionTests {
  static func plan(threads: Int) throws -> CPUPlan {
    let architecture = try Zoo.architecture(
      "mobilenet_v3_small", ZooOptions(width: 0.25, resolution: 32, classes: 5))
    let graph = try architecture.graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initialising: graph, seed: 1))
    return try CPUBackend(threads: threads).plan(folded, parameters: parameters)
  }

  @Test(
    .enabled(if: allocation_counter_works() != 0, "allocations cannot be counted here"), arguments: [1, 2])
  func aSecondRunAllocatesNothing(threads: Int) throws {
    var session = try Self.plan(threads: threads).makeCPUSession()
    session.withInput(0) { $0.update(repeating: 0.5) }
    session.run()
    // Other tests may allocate on other threads meanwhile: the least of many runs is the session's own.
    var least = Int.max
    for _ in 0..<200 {
      allocation_counter_start()
      session.run()
      least = min(least, Int(allocation_counter_stop()))
    }
    #expect(least == 0)
    allocation_counter_start()
    let array = [Int](repeating: 1, count: Int.random(in: 1000...2000))
    #expect(allocation_counter_stop() > 0, "the counter does not count \(array.count)")
  }

  @Test func tenThousandRunsFromEightThreadsGiveOneAnswer() async throws {
    let plan = try Self.plan(threads: 2)
    let image = try Tensor(shape: [1, 32, 32, 3], floats: (0..<3072).map { Float($0 % 17) / 17 })
    var session = plan.makeCPUSession()
    let expected = try session.run([image])[0].floats()
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var session = plan.makeCPUSession()
          var wrong = 0
          for _ in 0..<1250 where try session.run([image])[0].floats() != expected { wrong += 1 }
          return wrong
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }

  @Test func inputsAreChecked() throws {
    var session = try Self.plan(threads: 1).makeCPUSession()
    let wrong = try Tensor(shape: [1, 16, 64, 3], floats: [Float](repeating: 0, count: 3072))
    #expect(throws: GraphError.self) { try session.run([wrong]) }
    #expect(throws: GraphError.self) { try session.run([]) }
  }

  @Test func valuesThatAreNeverAliveTogetherShareMemory() throws {
    let architecture = try Zoo.architecture("mobilenet_v2")
    let graph = try architecture.graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initialising: graph, seed: 1))
    var backend = CPUBackend()
    backend.fusion = .never
    let plan = try backend.plan(folded, parameters: parameters)
    // 112×112×96 and 56×56×96 floats are the largest pair.
    #expect(plan.activationBytes <= 4 * (112 * 112 * (96 + 16) + 56 * 56 * 96))
    #expect(plan.activationBytes >= 4 * 112 * 112 * (96 + 16))
  }
}
