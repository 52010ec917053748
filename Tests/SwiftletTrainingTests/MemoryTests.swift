// MemoryTests.swift: what does not fit into memory is refused with both numbers, and what fits is not.

import SwiftletCPU
import SwiftletCore
import SwiftletTraining
import TestSupport
import Testing

@Suite struct MemoryTests {
  /// The estimate is below what the engine takes, and not by much: else it would refuse too much or too little.
  @Test(arguments: [
    "cifar_mobilenet_v2", "cifar_mobilenet_v3_small", "cifar_se_resnet20", "cifar_resnet18",
  ])
  func theEstimateIsALowerBoundOfTheEngines(name: String) throws {
    let network = try Zoo.architecture(name).graph(batch: 16, mode: .training)
    let step = try TrainingStep(network, StepOptions(optimizer: .sgd(momentum: 0.9)))
    let session = try CPUBackend(threads: 1).makeTrainingSession(
      step.graph, parameters: try step.initialState(Parameters(initializing: network, seed: 1)))
    let taken = try #require(session as? CPUTrainingSession).activationBytes
    let estimate = step.graph.leastActivationBytes
    #expect(Double(estimate) <= 1.1 * Double(taken) && 4 * estimate >= taken, "\(estimate) of \(taken)")
    print(name, estimate, taken)
  }

  @Test func aStepThatDoesNotFitIsRefusedWithBothNumbers() throws {
    let error = #expect(throws: TrainingError.self) {
      try TinyRun.trainer { $0.memoryLimit = 20_000 }.run()
    }
    guard case .tooLittleMemory(let what, let needed, 20_000)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.contains("6 images at 8 pixels") && needed > 20_000 && needed < 200_000)
    #expect("\(error.map { "\($0)" } ?? "")".contains("20.0 kB"))
    _ = try TinyRun.trainer { $0.memoryLimit = 2 * needed }.run()
  }

  @Test func theMachineHasMemory() {
    #expect(AvailableMemory.bytes > 64 << 20 && AvailableMemory.bytes < .max)
    #expect(AvailableMemory.text(14_249_000_000) == "14.2 GB" && AvailableMemory.text(999) == "999 bytes")
    #expect(AvailableMemory.text(999_999) == "1.0 MB" && AvailableMemory.text(20_000) == "20.0 kB")
  }
}
