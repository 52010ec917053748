// CPUTrainingSession.swift: a step of training compiled for this machine: ops, one arena, and the state between steps.

import CKernels
import SwiftletCore
import SwiftletGraph

extension CPUBackend: TrainingBackend {
  public func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession {
    try CPUTrainingSession(graph, parameters, self)
  }

  /// The nodes of a training step that would run by their definition (in Double, on one thread, allocating), as `label (operation)`.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound.
  public func referenceOps(ofTraining graph: Graph) throws -> [String] {
    try graph.verify()
    var lowering = try TrainingLowering(graph, instructionSet.kernels.table, winograd: winograd)
    try lowering.run()
    return lowering.referenceOps
  }
}

/// Runs a step of training. ``run()`` neither allocates nor locks, apart from operations that have no fast path
/// (``referenceOps``).
package final class CPUTrainingSession: TrainingSession {
  package let graph: Graph
  private let ops: [any TrainingOp]
  private let pool: ThreadPool
  private let contexts: [WorkerContext]
  private let memory: [FloatMemory]
  private let persistent: [Value: TrainingBuffer]
  private let outputs: [TrainingBuffer]
  /// Bytes of activations and gradients; of parameters, state and inputs; of strips.
  package let activationBytes: Int, stateBytes: Int, scratchBytes: Int
  /// The nodes that run by their definition (in Double, on one thread, allocating), as `label (operation)`.
  package let referenceOps: [String]

  init(_ graph: Graph, _ parameters: Parameters, _ backend: CPUBackend) throws {
    try graph.verify()
    try parameters.check(against: graph)
    self.graph = graph
    pool = ThreadPool(count: backend.threads)
    let table = backend.instructionSet.kernels.table
    var lowering = try TrainingLowering(graph, table, winograd: backend.winograd)
    try lowering.run()
    outputs = lowering.outputs
    ops = lowering.ops
    persistent = lowering.persistent
    referenceOps = lowering.referenceOps

    var planner = MemoryPlanner()
    let passing = lowering.buffers.filter { !$0.persists && $0.life != nil }
    for buffer in passing {
      guard let life = buffer.life else { continue }
      planner.extend(planner.reserve(buffer.count, at: life.lowerBound), to: life.upperBound)
    }
    let (offsets, size) = planner.layOut()
    let arena = try FloatMemory(count: size)
    for (buffer, offset) in zip(passing, offsets) { buffer.place(at: arena.start + offset) }

    let lasting = lowering.buffers.filter(\.persists)
    let count = lasting.reduce(0) { $0 + wholeLines($1.count) }
    let state = try FloatMemory(count: count)
    var offset = 0
    for buffer in lasting {
      buffer.place(at: state.start + offset)
      offset += wholeLines(buffer.count)
    }
    for op in ops where !op.resources.uses.allSatisfy(\.isPlaced) {
      throw TrainingEngineError.unplacedMemory(node: op.resources.label)
    }
    let scratch = (ops.reduce(0) { max($0, $1.resources.scratchCount) } + 4096 + 1023) / 1024 * 1024
    let strips = try FloatMemory(count: scratch * pool.count)
    contexts = (0..<pool.count).map { WorkerContext(table, scratch: strips.start + $0 * scratch) }
    memory = [arena, state, strips, lowering.nowhere]
    (activationBytes, stateBytes, scratchBytes) = (4 * size, 4 * count, 4 * scratch * pool.count)
    for spec in graph.parameters {
      guard let buffer = persistent[spec.value] else { continue }
      parameters[spec.name]?.withFloats { source in
        if let start = source.baseAddress { buffer.pointer.update(from: start, count: source.count) }
      }
    }
  }

  /// The files of `Ops/` that lowering goes through.
  package static var opFiles: [String] { TrainingLowering.opFiles }

  package var byteCount: Int { activationBytes + stateBytes + scratchBytes }

  /// Threads of a run.
  package var threads: Int { pool.count }

  package func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    let value = graph.inputs[index].value
    guard let buffer = persistent[value] else { return }
    try body(UnsafeMutableBufferPointer(start: buffer.pointer, count: graph.type(of: value).shape.count))
  }

  package func withOutput<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    let count = graph.type(of: graph.outputs[index].value).shape.count
    return try body(UnsafeBufferPointer(start: outputs[index].pointer, count: count))
  }

  package func parameters() throws -> Parameters {
    var result = Parameters()
    for spec in graph.parameters {
      guard let buffer = persistent[spec.value] else { continue }
      result[spec.name] = try Tensor(
        shape: spec.shape,
        writingFloats: { target in
          if let start = target.baseAddress { start.update(from: buffer.pointer, count: target.count) }
        })
    }
    return result
  }

  package func run() {
    pool.run(
      { context, worker, workers in
        Unmanaged<CPUTrainingSession>.fromOpaque(context).takeUnretainedValue().run(worker, of: workers)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func run(_ worker: Int, of workers: Int) {
    let context = contexts[worker]
    for op in ops {
      op.run(context, worker: worker, of: workers)
      pool.barrier(parts: workers)
    }
  }

  /// An op of the step, with the time that one run of it takes on one thread.
  package struct OpTime: Sendable {
    /// The node that it computes, or begins with, and its kind.
    package let label: String, kind: String
    /// Seconds, and multiply-adds.
    package let seconds: Double, multiplyAdds: Int
  }

  /// Runs the step once on one thread, and times each op.
  package func timedOps() -> [OpTime] {
    ops.map { op in
      let start = ContinuousClock.now
      op.run(contexts[0], worker: 0, of: 1)
      return OpTime(
        label: op.resources.label, kind: op.kind, seconds: (ContinuousClock.now - start).inSeconds,
        multiplyAdds: op.multiplyAdds)
    }
  }
}
