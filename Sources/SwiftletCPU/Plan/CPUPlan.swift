// CPUPlan.swift: a compiled graph: steps, packed weights and the layout of the arena. Immutable and shared.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A graph compiled for this machine's processor.
package struct CPUPlan: Plan {
  package let graph: Graph
  /// The instruction set of its kernels.
  package let instructionSet: InstructionSet
  let kernels: Kernels
  /// The caches that the kernels' blocks follow.
  let caches: CacheSizes
  /// The threads that run it.
  package let pool: ThreadPool
  /// One, or two for a batch.
  let stages: [Stage]
  /// Values of the first stage that the second stage and callers read.
  let liveAcross: [Value]
  /// Packed weights, biases and tables.
  let blob: TensorStorage
  /// Zeros in the blob.
  let zeros: BlobOffset
  let parameters: [Value: Tensor]
  /// The weights before they were packed.
  let boundParameters: Parameters
  /// The sizes of the packed entries: plans of the same weights with the same sizes have the same blob.
  private let blobLayout: [Int]

  /// Compiles a graph.
  ///
  /// - Parameter other: a plan of the same parameters, whose blob is used where it is the same.
  init(_ graph: Graph, _ parameters: Parameters, _ backend: CPUBackend, sharing other: CPUPlan? = nil) throws
  {
    self.graph = graph
    instructionSet = backend.instructionSet
    kernels = backend.instructionSet.kernels
    caches = backend.caches
    pool = ThreadPool(count: backend.threads, isShared: backend.sharesThreads)
    var lowering = Lowering(graph, parameters, kernels.table, backend, threads: pool.count)
    try lowering.run()
    let lowered = lowering
    let outputs = (graph.outputs + graph.updates).map(\.value)
    let inputs = graph.inputs.map(\.value)
    zeros = lowered.zeros
    if let split = lowered.split {
      let first = lowered.steps[..<lowered.perImageSteps]
      let second = Array(lowered.steps[lowered.perImageSteps...])
      let written = Set(first.flatMap(\.writes))
      let across = Set((second.flatMap(\.reads) + outputs).map(lowered.root)).intersection(written)
        .sorted { $0.id < $1.id }
      liveAcross = across
      stages = [
        try Stage(
          lowered.fused(first, keeping: across), lowered, images: split.images, liveIn: inputs,
          liveOut: across, scratchWorkers: 1),
        try Stage(
          second, lowered, images: nil, liveIn: inputs + across, liveOut: inputs + outputs,
          scratchWorkers: pool.count),
      ]
    } else {
      liveAcross = []
      stages = [
        try Stage(
          lowered.fused(lowered.steps[...], keeping: outputs), lowered, images: nil, liveIn: inputs,
          liveOut: outputs, scratchWorkers: pool.count)
      ]
    }
    let workers = pool.count
    activationBytes = stages.reduce(0) { $0 + $1.byteCount * ($1.isPerImage ? workers : 1) }
    guard activationBytes <= backend.mostActivationBytes else {
      throw PlanError.activations(
        network: graph.name, bytes: activationBytes, limit: backend.mostActivationBytes)
    }
    boundParameters = parameters
    blobLayout = lowered.blob.layout
    if let other, other.blobLayout == blobLayout, other.instructionSet == instructionSet {
      blob = other.blob
    } else {
      blob = lowered.blob.packed(on: pool)
    }
    self.parameters = Dictionary(
      uniqueKeysWithValues: graph.parameters.compactMap { spec in
        parameters[spec.name].map { (spec.value, $0) }
      })
    #if DEBUG
      try verify()
    #endif
  }

  /// Bytes of activations that a session holds.
  package let activationBytes: Int

  /// All steps in their order.
  var steps: [any PlanStep] { stages.flatMap(\.steps) }

  /// Bytes of packed weights and tables.
  package var weightBytes: Int { blob.byteCount }

  /// Threads of a run.
  package var threads: Int { pool.count }

  /// For each step, the nodes that it computes and its kind.
  package var stepNames: [(labels: [String], kind: String)] { steps.map { ($0.labels, $0.name) } }

  package func makeSession() -> any Session & ~Copyable { CPUSession(self) }

  /// A session of the concrete type.
  package func makeCPUSession() -> CPUSession { CPUSession(self) }
}
