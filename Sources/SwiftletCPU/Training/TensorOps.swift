// TensorOps.swift: ops that belong to no operation alone: storing, copying, running a definition.

import CKernels
import SwiftletGraph

/// Stores a prologue.
final class StoreOp: TrainingOp {
  let resources: OpResources
  private let prologue: Prologue
  private let target: TrainingBuffer
  private let shards: Shards

  init(_ label: String, _ prologue: Prologue, _ target: TrainingBuffer, shards: Shards) {
    (self.prologue, self.target, self.shards) = (prologue, target, shards)
    resources = OpResources(label, uses: prologue.buffers + [target])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for shard in shards.partition(of: worker, workers) {
      let (begin, end) = (
        shards[shard].lowerBound * prologue.pixels, shards[shard].upperBound * prologue.pixels
      )
      prologue.evaluate(
        context, begin, end, into: target.pointer + begin * prologue.channels, stride: prologue.channels)
    }
  }
}

/// A copy, for new values of a parameter that is read until the end of the step.
final class CopyOp: TrainingOp {
  let resources: OpResources
  private let source: TrainingBuffer, target: TrainingBuffer

  init(_ label: String, _ source: TrainingBuffer, to target: TrainingBuffer) {
    (self.source, self.target) = (source, target)
    resources = OpResources(label, uses: [source, target])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let mine = Range.partition(target.count, of: worker, workers, unit: 16)
    if !mine.isEmpty {
      (target.pointer + mine.lowerBound).update(from: source.pointer + mine.lowerBound, count: mine.count)
    }
  }
}

/// An operation by its definition, on one thread; it allocates.
final class ReferenceOp: TrainingOp {
  let resources: OpResources
  private let operation: any GraphOperation
  private let inputs: [(Shape, TrainingBuffer)], outputs: [TrainingBuffer]

  init(
    _ label: String, _ operation: any GraphOperation, _ inputs: [(Shape, TrainingBuffer)],
    _ outputs: [TrainingBuffer]
  ) {
    (self.operation, self.inputs, self.outputs) = (operation, inputs, outputs)
    resources = OpResources(label, uses: inputs.map(\.1) + outputs)
  }

  /// The operation's name in dumps.
  var operationName: String { type(of: operation).name }
  var kind: String { "Reference(\(operationName))" }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    let operands = inputs.map { shape, buffer in
      HostTensor(shape, (0..<shape.count).map { Double(buffer.pointer[$0]) })
    }
    for (result, output) in zip(operation.reference(operands), outputs) {
      for (index, value) in result.values.enumerated() { output.pointer[index] = Float(value) }
    }
  }
}
