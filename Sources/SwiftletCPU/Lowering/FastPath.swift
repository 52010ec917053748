// FastPath.swift: the lowering of a node to a step, and the list of all fast paths.

import SwiftletGraph

/// The lowering of some operations to a step of kernel calls. Each is in one file of Steps/, with the step that it makes.
protocol FastPath: Sendable {
  /// Whether it is for an operation at all. Such operations treat each image of a batch alike.
  static func takes(_ operation: any GraphOperation) -> Bool
  /// The step or alias of the node; `nil` where its shapes or operands do not fit, and the next path is tried.
  ///
  /// A path that gives a step may take the nodes that alone read its result: see ``Lowering/epilogue(of:)``. A path that gives `nil`
  /// leaves the lowering as it was.
  ///
  /// - Throws: ``PlanError`` where the step would need too much memory.
  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered?
}

/// The result of lowering a node.
enum Lowered {
  /// A step.
  case step(any PlanStep)
  /// The memory of another value under another shape.
  case alias(of: Value)
}

/// The fusion of neighboring steps.
protocol StepFusion: Sendable {
  /// The step that replaces the first steps of `steps`, and how many it replaces; `nil` where it replaces none.
  ///
  /// - Parameters:
  ///   - isPrivate: whether a value has one reader and need not exist as a whole.
  ///   - lowering: gives shapes and settings.
  static func fuse(
    _ steps: ArraySlice<any PlanStep>, isPrivate: (Value) -> Bool, _ lowering: Lowering
  ) -> (step: any PlanStep, count: Int)?
}

/// The list of all fast paths. A test compares it with the folder Steps/.
package enum FastPaths {
  /// Tried in this order; the first that gives a step has the node. A node that none takes runs by its definition
  /// (``ReferenceStep``).
  static let all: [any FastPath.Type] = [
    PointwiseStep.self, WinogradStep.self, ConvolutionStep.self, DepthwiseStep.self, BatchNormStep.self,
    ActivationStep.self, AddStep.self, ChannelScaleStep.self, PoolStep.self, GlobalPoolStep.self,
    AdaptivePoolStep.self, CopyChannelsStep.self, SoftmaxStep.self, ReshapeStep.self,
  ]

  /// Tried on the steps in this order.
  static let fusions: [any StepFusion.Type] = [InvertedResidualStep.self]

  /// The names of all of them.
  package static var names: [String] { all.map { "\($0)" } + fusions.map { "\($0)" } }

  /// Whether an operation has a fast path.
  static func take(_ operation: any GraphOperation) -> Bool {
    all.contains { $0.takes(operation) }
  }
}
