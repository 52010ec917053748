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
      [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 1))
    return try CPUBackend(threads: threads).plan(folded, parameters: parameters)
  }

  /// What is counted: a network, how it is compiled, and the kind of step that it is there for.
  struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String, kind: String
    var resolution = 32, batch = 1
    var fusion = CPUBackend.Use.whereItPays, winograd = CPUBackend.Use.whereItPays
    var precision = CPUBackend.WeightPrecision.single
    var testDescription: String { "\(name) for \(kind), batch \(batch)" }

    func plan(threads: Int) throws -> CPUPlan {
      var options = ZooOptions(resolution: resolution, classes: 5)
      if name.hasPrefix("mobilenet") { options.width = 0.25 }
      let graph = try Zoo.architecture(name, options).graph(batch: batch)
      var backend = CPUBackend(threads: threads)
      (backend.fusion, backend.winograd, backend.weightPrecision) = (fusion, winograd, precision)
      return try backend.inferencePlan(graph, parameters: Parameters(initializing: graph, seed: 1))
    }
  }

  static let scenarios = [
    Scenario(name: "mobilenet_v3_small", kind: "channelScale"),
    Scenario(name: "mobilenet_v2", kind: "inverted residual", fusion: .always),
    Scenario(name: "mobilenet_v2", kind: "gemm", batch: 8, fusion: .never),
    Scenario(name: "mobilenet_v1", kind: "separable block", batch: 5, fusion: .always, precision: .half),
    Scenario(name: "cifar_resnet18", kind: "winograd", winograd: .always),
    Scenario(name: "cifar_resnet18", kind: "convolution", batch: 4, winograd: .never),
    Scenario(name: "cifar_se_resnet20", kind: "padChannels"),
    Scenario(name: "cifar_se_resnet20", kind: "padChannels", batch: 4, winograd: .always),
    Scenario(name: "resnet18", kind: "maxPool", resolution: 64, winograd: .always),
  ]

  /// Makes the workers of a plan's pool members of the counted group, and gives their number.
  private func joinWorkers(of plan: CPUPlan) -> Int {
    let seen = UnsafeMutablePointer<Int>.allocate(capacity: plan.threads)
    seen.initialize(repeating: 0, count: plan.threads)
    defer { seen.deallocate() }
    plan.pool.run(
      { context, worker, _ in
        allocation_counter_join()
        context.assumingMemoryBound(to: Int.self)[worker] = 1
      }, seen)
    return (0..<plan.threads).reduce(0) { $0 + seen[$1] }
  }

  /// Every run is counted, on all threads of the pool; other tests' threads are not.
  @Test(
    .enabled(if: allocation_counter_works() != 0, "allocations cannot be counted here"), arguments: scenarios,
    [1, 2])
  func aSecondRunAllocatesNothing(scenario: Scenario, threads: Int) throws {
    let plan = try scenario.plan(threads: threads)
    #expect(plan.stepNames.contains { $0.kind == scenario.kind })
    var session = plan.makeCPUSession()
    session.withInput(0) { $0.update(repeating: 0.5) }
    session.run()
    // The pool's threads are this plan's own: no other test runs on them.
    #expect(joinWorkers(of: plan) == threads)
    var most = 0
    for _ in 0..<50 {
      let before = allocation_counter_of_group()
      session.run()
      most = max(most, Int(allocation_counter_of_group() - before))
    }
    allocation_counter_leave()
    #expect(most == 0)
    allocation_counter_start_here()
    let array = [Int](repeating: 1, count: Int.random(in: 1000...2000))
    #expect(allocation_counter_stop_here() > 0, "the counter does not count \(array.count)")
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
      [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 1))
    var backend = CPUBackend()
    backend.fusion = .never
    let plan = try backend.plan(folded, parameters: parameters)
    // 112×112×96 and 56×56×96 floats are the largest pair.
    #expect(plan.activationBytes <= 4 * (112 * 112 * (96 + 16) + 56 * 56 * 96))
    #expect(plan.activationBytes >= 4 * 112 * 112 * (96 + 16))
  }
}
