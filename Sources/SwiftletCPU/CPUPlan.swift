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
  let steps: [Step]
  /// Packed weights and biases.
  let blob: TensorStorage
  /// Zeros in the blob.
  let zeros: BlobOffset
  /// Where each value of the graph is; parameters that only a definition reads come from `parameters`.
  let places: [Value: Place]
  /// Where the scratch of steps is, by their index.
  let scratchPlaces: [Int: Place]
  /// Floats of the arena.
  let arenaCount: Int
  let parameters: [Value: Tensor]

  init(_ graph: Graph, _ parameters: Parameters, _ backend: CPUBackend) {
    self.graph = graph
    instructionSet = backend.instructionSet
    kernels = backend.instructionSet.kernels
    pool = ThreadPool(count: backend.threads)
    var lowering = Lowering(graph, parameters, kernels.table, winograd: backend.winograd)
    lowering.run()
    let kept = Set((graph.outputs + graph.updates).map(\.value))
    steps = BlockFusion.apply(lowering.steps, graph, kept: kept, backend.fusion)
    blob = lowering.blob.packed(on: pool)
    zeros = lowering.zeros

    // Lives of values, in steps; inputs are written before the first, outputs are read after the last.
    var planner = MemoryPlanner()
    var buffers: [Value: Int] = [:]
    func buffer(_ value: Value, at step: Int) {
      let root = lowering.root(value)
      if buffers[root] == nil { buffers[root] = planner.reserve(graph.type(of: root).shape.count, at: step) }
    }
    let parameterValues = Set(graph.parameters.map(\.value))
    for port in graph.inputs { buffer(port.value, at: -1) }
    for (index, step) in steps.enumerated() {
      for value in step.outputs { buffer(value, at: index) }
      for value in step.reads + step.outputs where !parameterValues.contains(value) {
        if let id = buffers[lowering.root(value)] { planner.extend(id, to: index) }
      }
    }
    for port in graph.outputs + graph.updates {
      if let id = buffers[lowering.root(port.value)] { planner.extend(id, to: steps.count) }
    }
    // Scratch, one piece for each thread, lives through its own step only.
    var scratch: [Int: Int] = [:]
    for (index, step) in steps.enumerated() where step.scratch > 0 {
      scratch[index] = planner.reserve(step.scratch * pool.count, at: index)
    }
    let layout = planner.layOut()
    scratchPlaces = scratch.mapValues { Place(offset: layout.offsets[$0]) }
    arenaCount = layout.size
    var places: [Value: Place] = [:]
    for id in graph.types.indices {
      let value = Value(id: id)
      if let buffer = buffers[lowering.root(value)] { places[value] = Place(offset: layout.offsets[buffer]) }
    }
    self.places = places
    self.parameters = Dictionary(
      uniqueKeysWithValues: graph.parameters.compactMap { spec in
        parameters[spec.name].map { (spec.value, $0) }
      })
  }

  /// Bytes of activations that a session holds.
  public var activationBytes: Int { 4 * arenaCount }

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
    func text(_ value: Value) -> String {
      "\(graph.type(of: value))" + (places[value].map { "@\(4 * $0.offset)" } ?? "")
    }
    for step in steps {
      let reads = step.reads.map(text).joined(separator: ", ")
      let writes = step.outputs.map(text).joined(separator: ", ")
      lines.append("  \(writes) = \(step.name)(\(reads))  # \(step.labels.joined(separator: " + "))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
