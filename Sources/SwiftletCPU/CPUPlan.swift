// CPUPlan.swift: a compiled graph: steps, packed weights and the layout of the arena. Immutable and shared.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A graph compiled for this machine's processor.
public struct CPUPlan: Plan {
  public let graph: Graph
  /// Whose kernels it calls.
  public let instructionSet: InstructionSet
  let kernels: Kernels
  let pool: ThreadPool
  /// One, or two for a batch.
  let stages: [Stage]
  /// What the second stage reads of the first, and outputs that the first writes.
  let crossing: [Value]
  /// Packed weights and biases.
  let blob: TensorStorage
  /// The matrices in it that are in half precision.
  let halves: Set<BlobOffset>
  /// Zeros in the blob.
  let zeros: BlobOffset
  let parameters: [Value: Tensor]

  init(_ graph: Graph, _ parameters: Parameters, _ backend: CPUBackend) {
    self.graph = graph
    instructionSet = backend.instructionSet
    kernels = backend.instructionSet.kernels
    pool = ThreadPool(count: backend.threads)
    var lowering = Lowering(graph, parameters, kernels.table, backend, threads: pool.count)
    lowering.run()
    let lowered = lowering
    let outputs = (graph.outputs + graph.updates).map(\.value)
    let inputs = graph.inputs.map(\.value)
    func fused(_ steps: ArraySlice<Step>, kept: [Value]) -> [Step] {
      BlockFusion.apply(Array(steps), kept: Set(kept), backend, shape: lowered.shape)
    }
    blob = lowering.blob.packed(on: pool)
    halves = lowering.halves
    zeros = lowering.zeros
    if lowering.images == 1 {
      crossing = []
      stages = [
        Stage(
          fused(lowered.steps[...], kept: outputs), graph, lowered, apart: false, entering: inputs,
          leaving: outputs, scratchParts: pool.count)
      ]
    } else {
      let (first, second) = (lowered.steps[..<lowered.apartSteps], lowered.steps[lowered.apartSteps...])
      let written = Set(first.flatMap(\.outputs))
      let crossing = Set((second.flatMap(\.reads) + outputs).map(lowered.root)).intersection(written)
        .sorted { $0.id < $1.id }
      self.crossing = crossing
      stages = [
        Stage(
          fused(first, kept: crossing), graph, lowered, apart: true, entering: inputs, leaving: crossing,
          scratchParts: 1),
        Stage(
          Array(second), graph, lowered, apart: false, entering: inputs + crossing, leaving: inputs + outputs,
          scratchParts: pool.count),
      ]
    }
    self.parameters = Dictionary(
      uniqueKeysWithValues: graph.parameters.compactMap { spec in
        parameters[spec.name].map { (spec.value, $0) }
      })
  }

  /// Bytes of activations that a session holds.
  public var activationBytes: Int {
    stages.reduce(0) { $0 + 4 * $1.arenaCount * ($1.isApart ? pool.count : 1) }
  }

  /// All steps in their order.
  var steps: [Step] { stages.flatMap(\.steps) }

  /// Bytes of packed weights.
  public var weightBytes: Int { blob.byteCount }

  /// Threads of a run.
  public var threads: Int { pool.count }

  /// For each step, the nodes that it does and its kind.
  public var stepNames: [(labels: [String], kind: String)] { steps.map { ($0.labels, $0.name) } }

  public func makeSession() -> any Session & ~Copyable { CPUSession(self) }

  /// A session of the concrete type.
  public func makeCPUSession() -> CPUSession { CPUSession(self) }
}

extension CPUPlan: CustomStringConvertible {
  /// The steps as text: what is read and written where, and which nodes they are.
  public var description: String {
    var lines = [
      "plan \(graph.name): \(steps.count) steps, \(instructionSet.rawValue), "
        + "\(activationBytes) bytes of activations, \(weightBytes) bytes of weights"
    ]
    for stage in stages {
      if stage.isApart {
        lines.append("  images one at a time:")
      } else if stages.count > 1 {
        lines.append("  all images:")
      }
      func text(_ value: Value) -> String {
        "\(graph.type(of: value))" + (stage.places[value].map { "@\(4 * $0.offset)" } ?? "")
      }
      for step in stage.steps {
        let reads = step.reads.map(text).joined(separator: ", ")
        let writes = step.outputs.map(text).joined(separator: ", ")
        lines.append("  \(writes) = \(step.name)(\(reads))  # \(step.labels.joined(separator: " + "))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
