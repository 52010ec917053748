// CPUSession.swift: the arenas of one run at a time, and the steps bound to them.

import CKernels
import SwiftletCore
import SwiftletGraph

/// Runs a ``CPUPlan``, one input at a time. ``run()`` neither allocates nor locks.
package struct CPUSession: Session, ~Copyable {
  private let state: SessionState

  init(_ plan: CPUPlan) { state = SessionState(plan) }

  package mutating func run(_ inputs: [Tensor]) throws -> [Tensor] {
    let graph = state.plan.graph
    try graph.check(inputs)
    for (port, tensor) in zip(graph.inputs, inputs) {
      tensor.copy(to: state.bytes(port.value), as: graph.type(of: port.value).scalarType)
    }
    run()
    return try (graph.outputs + graph.updates).map { port in
      let type = graph.type(of: port.value)
      let storage = TensorStorage(byteCount: type.byteCount) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: state.bytes(port.value), count: type.byteCount))
      }
      return try Tensor(shape: type.shape, scalarType: type.scalarType, storage: storage)
    }
  }

  /// Gives an input's floats, to be filled before ``run()``.
  ///
  /// - Precondition: there is such an input, and it is `float32`.
  package mutating func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    body(state.floats(state.plan.graph.inputs[index].value))
  }

  /// Gives an output's floats after ``run()``.
  ///
  /// - Precondition: there is such an output, and it is `float32`.
  package func withOutput<Result>(_ index: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
    body(UnsafeBufferPointer(state.floats(state.plan.graph.outputs[index].value)))
  }

  /// Runs the plan on the contents of the inputs.
  package mutating func run() { state.run() }

  /// Runs the plan on the first images of the batch; the outputs for the others are of no use.
  ///
  /// - Parameter images: 1 to the batch.
  package mutating func run(images: Int) { state.run(images: images) }

  /// Calls `body` with the session itself.
  mutating func perform<Result>(_ body: (inout CPUSession) throws -> Result) rethrows -> Result {
    try body(&self)
  }

  /// Runs the plan once on one thread, and gives the seconds that each step took.
  package mutating func timedSteps() -> [Double] { state.timedSteps() }
}

/// A session's memory. Sessions are not shared, and neither is this; workers see it only during a run.
private final class SessionState {
  let plan: CPUPlan
  private let table: sk_kernels
  /// For each stage its arenas: one, or one for each worker.
  private let arenas: [[BoundStage]]
  /// The stage with the plan's inputs and outputs: the last one.
  private let whole: BoundStage
  /// Images of the batch, where a stage takes them one at a time.
  private let images: Int
  /// The number of images of the current run.
  private var imagesOfRun: Int

  init(_ plan: CPUPlan) {
    self.plan = plan
    table = plan.kernels.table
    arenas = plan.stages.map { stage in
      (0..<(stage.isPerImage ? plan.pool.count : 1)).map { _ in BoundStage(stage, plan) }
    }
    whole = arenas[arenas.count - 1][0]
    images = plan.stages[0].images
    imagesOfRun = images
  }

  func bytes(_ value: Value) -> UnsafeMutableRawPointer { whole.bytes(value) }

  func floats(_ value: Value) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: bytes(value).assumingMemoryBound(to: Float.self), count: plan.graph.type(of: value).shape.count)
  }

  func run(images: Int? = nil) {
    imagesOfRun = min(max(images ?? self.images, 0), self.images)
    plan.pool.run(
      { context, worker, workers in
        let state = Unmanaged<SessionState>.fromOpaque(context).takeUnretainedValue()
        state.run(worker: worker, of: workers)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func run(worker: Int, of workers: Int) {
    for index in arenas.indices {
      if plan.stages[index].isPerImage {
        takeImages(Range.partition(imagesOfRun, of: worker, workers), through: arenas[index][worker])
        plan.pool.barrier(parts: workers)
      } else {
        for step in arenas[index][0].steps {
          step.run(table, worker: worker, of: workers)
          plan.pool.barrier(parts: workers)
        }
      }
    }
  }

  private func takeImages(_ mine: Range<Int>, through stage: BoundStage) {
    for image in mine {
      for port in plan.graph.inputs { copy(port.value, image, from: whole, to: stage, toBatch: false) }
      for step in stage.steps { step.run(table, worker: 0, of: 1) }
      for value in plan.liveAcross { copy(value, image, from: stage, to: whole, toBatch: true) }
    }
  }

  /// One image of a value, between the batch and a worker's arena.
  private func copy(_ value: Value, _ image: Int, from: BoundStage, to: BoundStage, toBatch: Bool) {
    let count = plan.graph.type(of: value).byteCount / images
    let offset = image * count
    (to.bytes(value) + (toBatch ? offset : 0)).copyMemory(
      from: from.bytes(value) + (toBatch ? 0 : offset), byteCount: count)
  }

  func timedSteps() -> [Double] {
    zip(plan.stages, arenas).flatMap { stage, arenas in
      arenas[0].steps.map { step in
        let start = ContinuousClock.now
        step.run(table, worker: 0, of: 1)
        return Double(stage.images) * (ContinuousClock.now - start).inSeconds
      }
    }
  }
}
