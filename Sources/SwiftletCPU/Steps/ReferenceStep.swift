// ReferenceStep.swift: an operation without a fast path: its own definition, in Double, on one thread. It allocates.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A node by its definition.
struct ReferenceStep: PlanStep {
  let labels: [String]
  /// For the batch that the step sees.
  let operation: any GraphOperation
  let reads: [Value], writes: [Value]

  init(_ node: Node, _ lowering: Lowering) {
    labels = [node.label]
    (reads, writes) = (node.inputs, node.outputs)
    let batch = lowering.graph.batch
    let seen = node.outputs.first.map { lowering.shape($0) != lowering.graph.type(of: $0).shape } ?? false
    operation = seen ? node.operation.rebatched(from: batch, to: 1) : node.operation
  }

  var name: String { "reference \(type(of: operation).name)" }

  func bind(_ memory: StepMemory) -> any BoundStep {
    func operand(_ value: Value) -> Bound.Operand {
      let type = TensorType(memory.shape(value), memory.plan.graph.type(of: value).scalarType)
      if let tensor = memory.parameter(value) { return Bound.Operand(type: type, bytes: nil, tensor: tensor) }
      return Bound.Operand(type: type, bytes: memory.bytes(value), tensor: nil)
    }
    return Bound(operation, reads.map(operand), writes.map(operand))
  }

  private final class Bound: BoundStep {
    /// A value's type and bytes; a parameter has its tensor instead.
    struct Operand {
      let type: TensorType
      let bytes: UnsafeMutableRawPointer?
      let tensor: Tensor?

      var host: HostTensor {
        if let tensor { return HostTensor(tensor) }
        guard let bytes else { return HostTensor(type.shape) }
        let all = UnsafeRawBufferPointer(start: bytes, count: type.byteCount)
        return HostTensor(type.shape, (0..<type.shape.count).map { type.scalarType.load(all, at: $0) })
      }
    }

    private let operation: any GraphOperation
    private let inputs: [Operand], outputs: [Operand]

    init(_ operation: any GraphOperation, _ inputs: [Operand], _ outputs: [Operand]) {
      (self.operation, self.inputs, self.outputs) = (operation, inputs, outputs)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      guard worker == 0 else { return }
      for (result, output) in zip(operation.reference(inputs.map(\.host)), outputs) {
        guard let bytes = output.bytes else { continue }
        for (index, value) in result.values.enumerated() {
          output.type.scalarType.store(value, bytes, at: index)
        }
      }
    }
  }
}
