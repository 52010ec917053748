// BoundStage.swift: one arena of a stage, and its steps with pointers into it.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A stage bound to an arena of its own.
final class BoundStage {
  private let stage: Stage
  private let arena: ZeroedMemory
  private let base: UnsafeMutableRawPointer
  /// The steps, ready to run.
  let steps: [any BoundStep]

  init(_ stage: Stage, _ plan: CPUPlan) {
    self.stage = stage
    let arena = ZeroedMemory(byteCount: max(stage.byteCount, MemoryPlanner.line))
    self.arena = arena
    base = arena.start
    steps = stage.steps.enumerated().map { index, step in
      step.bind(StepMemory(stage: stage, plan: plan, base: arena.start, index: index))
    }
  }

  deinit { arena.deallocate() }

  /// The first byte of a value of the stage.
  func bytes(_ value: Value) -> UnsafeMutableRawPointer { base + stage.offset(of: value) }
}
