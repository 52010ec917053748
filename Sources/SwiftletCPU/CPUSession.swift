// CPUSession.swift: one arena, and the steps bound to it.

import CKernels
import SwiftletCore
import SwiftletGraph

/// Runs a ``CPUPlan``, one input at a time. ``run()`` neither allocates nor locks.
public struct CPUSession: Session, ~Copyable {
  private let state: SessionState

  init(_ plan: CPUPlan) { state = SessionState(plan) }

  public mutating func run(_ inputs: [Tensor]) throws -> [Tensor] {
    let graph = state.plan.graph
    try graph.check(inputs)
    for (index, tensor) in inputs.enumerated() { withInput(index) { Self.copy(tensor, to: $0) } }
    run()
    return try (graph.outputs + graph.updates).map { port in
      let type = graph.type(of: port.value)
      return try Tensor(shape: type.shape, floats: Array(state.floats(port.value)))
    }
  }

  /// Gives an input's floats, to be filled before ``run()``.
  ///
  /// - Precondition: there is such an input.
  public mutating func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    body(state.floats(state.plan.graph.inputs[index].value))
  }

  /// Gives an output's floats after ``run()``.
  ///
  /// - Precondition: there is such an output.
  public func withOutput<Result>(_ index: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
    body(UnsafeBufferPointer(state.floats(state.plan.graph.outputs[index].value)))
  }

  /// Runs the plan on what the inputs hold.
  public mutating func run() { state.run() }

  /// Runs the plan once on one thread, and gives the seconds that each step took.
  package mutating func timedSteps() -> [Double] { state.timedSteps() }

  private static func copy(_ tensor: Tensor, to floats: UnsafeMutableBufferPointer<Float>) {
    guard tensor.scalarType == .float32 else {
      for (index, value) in tensor.floats().enumerated() { floats[index] = value }
      return
    }
    tensor.withUnsafeBytes { UnsafeMutableRawBufferPointer(floats).copyMemory(from: $0) }
  }
}

/// A session's memory. Sessions are not shared, and neither is this; members of a run see it only during the run.
private final class SessionState {
  let plan: CPUPlan
  private var table: sk_kernels
  /// For each stage its arenas: one, or one for each member.
  private let arenas: [[BoundStage]]
  /// Where inputs and outputs of the plan are: the last stage's.
  private let whole: BoundStage

  init(_ plan: CPUPlan) {
    self.plan = plan
    table = plan.kernels.table
    arenas = plan.stages.map { stage in
      (0..<(stage.isApart ? plan.pool.count : 1)).map { _ in BoundStage(stage, plan) }
    }
    whole = arenas[arenas.count - 1][0]
  }

  func floats(_ value: Value) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: whole.pointer(value), count: plan.graph.type(of: value).shape.count)
  }

  func run() {
    plan.pool.run(
      { context, part, parts in
        let state = Unmanaged<SessionState>.fromOpaque(context).takeUnretainedValue()
        state.run(part: part, parts: parts)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func run(part: Int, parts: Int) {
    for index in arenas.indices {
      if plan.stages[index].isApart {
        takeImages(Range.share(images, of: part, parts), through: arenas[index][part])
        plan.pool.barrier(parts: parts)
      } else {
        let runnables = arenas[index][0].runnables
        for index in runnables.indices {
          runnables[index].run(table, part: part, parts: parts)
          plan.pool.barrier(parts: parts)
        }
      }
    }
  }

  /// Images of the batch.
  private var images: Int { plan.graph.type(of: plan.graph.inputs[0].value).shape[0] }

  private func takeImages(_ mine: Range<Int>, through stage: BoundStage) {
    for image in mine {
      for port in plan.graph.inputs { copy(port.value, image, from: whole, to: stage, toBatch: false) }
      for index in stage.runnables.indices { stage.runnables[index].run(table, part: 0, parts: 1) }
      for value in plan.crossing { copy(value, image, from: stage, to: whole, toBatch: true) }
    }
  }

  /// One image of a value, between the batch and a member's arena.
  private func copy(_ value: Value, _ image: Int, from: BoundStage, to: BoundStage, toBatch: Bool) {
    let count = plan.graph.type(of: value).shape.count / images
    let offset = image * count
    (to.pointer(value) + (toBatch ? offset : 0)).update(
      from: from.pointer(value) + (toBatch ? 0 : offset), count: count)
  }

  func timedSteps() -> [Double] {
    arenas.flatMap { arena in
      let times = arena[0].isApart ? Double(images) : 1
      return arena[0].runnables.map { runnable in
        let start = ContinuousClock.now
        runnable.run(table, part: 0, parts: 1)
        return times * (ContinuousClock.now - start).inSeconds
      }
    }
  }
}
