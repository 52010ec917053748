// TrainingOp.swift: what a training step consists of: ops that all workers run together, one after the other.

import CKernels
import SwiftletCore
import SwiftletGraph

/// What a worker has while it runs ops.
final class WorkerContext {
  let kernels: sk_kernels
  let training: sk_training
  /// The worker's memory for strips.
  let scratch: UnsafeMutablePointer<Float>

  init(_ kernels: sk_kernels, scratch: UnsafeMutablePointer<Float>) {
    self.kernels = kernels
    training = kernels.training.pointee
    self.scratch = scratch
  }

  /// Panels of packed weights for so many columns.
  func panels(_ columns: Int) -> Int { (columns + kernels.gemm_panel - 1) / kernels.gemm_panel }
}

/// What an op needs: its name, the memory that it reads or writes, scratch memory.
struct OpResources {
  /// The node that the op computes, or begins with.
  let label: String
  /// Everything that it reads or writes.
  let uses: [TrainingBuffer]
  /// Floats of ``WorkerContext/scratch`` that a worker needs.
  let scratchCount: Int

  init(_ label: String, uses: [TrainingBuffer?], scratch: Int = 0) {
    self.label = label
    self.uses = uses.compactMap { $0 }
    scratchCount = scratch
  }
}

/// One op of a step, bound to its buffers.
///
/// Its result does not depend on how many workers share it: what is summed over images is summed by ``Shards``, whose number does not
/// depend on workers, and the shards' sums are added in order.
protocol TrainingOp: AnyObject {
  var resources: OpResources { get }
  /// What profiles call it.
  var kind: String { get }
  /// Multiply-adds, for profiles.
  var multiplyAdds: Int { get }
  /// Computes one worker's part.
  func run(_ context: WorkerContext, worker: Int, of workers: Int)
}

extension TrainingOp {
  var kind: String { "\(type(of: self))" }
  var multiplyAdds: Int { 0 }
}

/// How an operation gets ops: one type in one file of `Ops/`, named in ``TrainingLowering/opLowerings``.
protocol TrainingOpLowering {
  /// Appends the ops of a node, and says what its results are.
  ///
  /// - Parameter index: of the node in the graph.
  /// - Returns: whether the node is of this kind; if not, nothing was appended.
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool
}
