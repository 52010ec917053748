// CPUTrainingSession.swift: a step of training compiled for this machine: works, one arena, and the state between steps.

import CKernels
import SwiftletCore
import SwiftletGraph

extension CPUBackend: TrainingBackend {
  public func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession {
    try CPUTrainingSession(graph, parameters, self)
  }
}

/// Runs a step of training. ``run()`` neither allocates nor locks, apart from operations that have no fast path.
public final class CPUTrainingSession: TrainingSession {
  public let graph: Graph
  private let works: [TrainingWork]
  private let pool: ThreadPool
  private let contexts: [WorkContext]
  private let memory: [ZeroedMemory]
  private let persistent: [Value: TrainingBuffer]
  private let outputs: [TrainingBuffer]
  private let names: [Value: (name: String, shape: Shape)]
  /// Bytes of activations and gradients; of parameters, state and inputs; of strips.
  public let activationBytes: Int, stateBytes: Int, scratchBytes: Int

  init(_ graph: Graph, _ parameters: Parameters, _ backend: CPUBackend) throws {
    try graph.verify()
    try parameters.check(against: graph)
    self.graph = graph
    pool = ThreadPool(count: backend.threads)
    let table = backend.instructionSet.kernels.table
    var lowering = TrainingLowering(graph, table, winograd: backend.winograd)
    lowering.run()
    outputs = graph.outputs.map { lowering.stored($0.value) }
    works = lowering.works
    persistent = lowering.persistent
    names = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, ($0.name, $0.shape)) })

    var planner = MemoryPlanner()
    let passing = lowering.buffers.filter { !$0.persists && $0.life != nil }
    for buffer in passing {
      guard let life = buffer.life else { continue }
      planner.extend(planner.reserve(buffer.count, at: life.lowerBound), to: life.upperBound)
    }
    let (offsets, size) = planner.layOut()
    let arena = ZeroedMemory(byteCount: max(4 * size, 64))
    let base = arena.bytes.assumingMemoryBound(to: Float.self).baseAddress.unsafelyUnwrapped
    for (buffer, offset) in zip(passing, offsets) { buffer.pointer = base + offset }

    let lasting = lowering.buffers.filter(\.persists)
    let count = lasting.reduce(0) { $0 + ($1.count + 15) / 16 * 16 }
    let state = ZeroedMemory(byteCount: max(4 * count, 64))
    var place = state.bytes.assumingMemoryBound(to: Float.self).baseAddress.unsafelyUnwrapped
    for buffer in lasting {
      buffer.pointer = place
      place += (buffer.count + 15) / 16 * 16
    }
    let scratch = (works.reduce(0) { max($0, $1.scratchCount) } + 4096 + 1023) / 1024 * 1024
    let strips = ZeroedMemory(byteCount: 4 * scratch * pool.count)
    let first = strips.bytes.assumingMemoryBound(to: Float.self).baseAddress.unsafelyUnwrapped
    contexts = (0..<pool.count).map { WorkContext(table, scratch: first + $0 * scratch) }
    memory = [arena, state, strips]
    (activationBytes, stateBytes, scratchBytes) = (4 * size, 4 * count, 4 * scratch * pool.count)
    for spec in graph.parameters {
      guard let buffer = persistent[spec.value] else { continue }
      parameters[spec.name]?.withFloats { source in
        if let start = source.baseAddress { buffer.pointer.update(from: start, count: source.count) }
      }
    }
  }

  deinit { for block in memory { block.deallocate() } }

  public var byteCount: Int { activationBytes + stateBytes + scratchBytes }

  /// Threads of a run.
  public var threads: Int { pool.count }

  public func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    let value = graph.inputs[index].value
    guard let buffer = persistent[value] else { return }
    try body(UnsafeMutableBufferPointer(start: buffer.pointer, count: graph.type(of: value).shape.count))
  }

  public func withOutput<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    let count = graph.type(of: graph.outputs[index].value).shape.count
    return try body(UnsafeBufferPointer(start: outputs[index].pointer, count: count))
  }

  public func parameters() throws -> Parameters {
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

  public func run() {
    pool.run(
      { context, part, parts in
        Unmanaged<CPUTrainingSession>.fromOpaque(context).takeUnretainedValue().run(part: part, parts: parts)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func run(part: Int, parts: Int) {
    let context = contexts[part]
    for work in works {
      work.run(context, part: part, parts: parts)
      pool.barrier(parts: parts)
    }
  }

  /// A work of the step, with the time that one run of it takes on one thread.
  public struct WorkTime: Sendable {
    /// The node that it does, or begins with, and what it is.
    public let label: String, kind: String
    /// Seconds, and multiply-adds.
    public let seconds: Double, multiplyAdds: Int
  }

  /// Runs the step once on one thread, and times each work.
  public func timedWorks() -> [WorkTime] {
    works.map { work in
      let start = ContinuousClock.now
      work.run(contexts[0], part: 0, parts: 1)
      return WorkTime(
        label: work.label, kind: work.name, seconds: (ContinuousClock.now - start).inSeconds,
        multiplyAdds: work.multiplyAdds)
    }
  }
}
