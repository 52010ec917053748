// TrainingOp.swift: the ops of a training step, which all workers run together, one after the other.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A worker's kernels and scratch memory while it runs ops.
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

/// The resources of an op: its name, the memory that it reads or writes, scratch memory.
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
/// Its result does not depend on the number of workers: sums over images are computed by ``Shards``, whose number does not
/// depend on workers, and the shards' sums are added in order.
protocol TrainingOp: AnyObject {
  var resources: OpResources { get }
  /// Its kind in profiles.
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

/// The lowering of an operation to ops: one type in one file of `Ops/`, named in ``TrainingLowering/opLowerings``.
protocol TrainingOpLowering {
  /// Appends the ops of a node, and defines its results.
  ///
  /// - Parameter index: of the node in the graph.
  /// - Returns: whether the node is of this kind; if not, nothing was appended.
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool
}
