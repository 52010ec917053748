// PlanStep.swift: the steps of a plan, which run one after the other.

import CKernels
import SwiftletGraph

/// A step of a plan: the kernel calls that compute some nodes, on values of the graph instead of pointers.
///
/// Each kind of step is one type in Steps/. It lists its inputs, outputs and scratch memory; a session binds it to its
/// memory, and workers then run their shares of the ``BoundStep``.
protocol PlanStep: Sendable {
  /// The labels of the nodes that became this step, the layer's own first.
  var labels: [String] { get }
  /// The word for it in dumps.
  var name: String { get }
  /// Values that it reads.
  var reads: [Value] { get }
  /// Values that it writes.
  var writes: [Value] { get }
  /// Bytes of scratch that each worker needs while the step runs.
  var scratchBytes: Int { get }
  /// Whether it can read or write a value whose pixels have a padded stride.
  func allowsPaddedPixels(of value: Value) -> Bool
  /// Whether it gains from padded pixels where channels collide in the cache; see ``PixelStride``.
  var wantsPaddedPixels: Bool { get }
  /// The step with pointers into a session's memory.
  func bind(_ memory: StepMemory) -> any BoundStep
}

extension PlanStep {
  var scratchBytes: Int { 0 }
  func allowsPaddedPixels(of value: Value) -> Bool { false }
  var wantsPaddedPixels: Bool { false }
}

/// A step with its pointers, as a session executes it.
protocol BoundStep: AnyObject {
  /// Does one worker's share of the step. Shares of different workers do not overlap, and the result does not depend on
  /// their number.
  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int)
}

/// The epilogue of a step: bias, residual and activation, applied to a result before it is stored.
struct Epilogue: Sendable {
  var bias: BlobOffset?
  var residual: Value?
  var activation: ActivationFunction?
}
