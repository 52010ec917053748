// CPUBackend+Inference.swift: the one way from a network and its weights to the plan that is run.

import SwiftletCore
import SwiftletGraph

extension CPUBackend {
  /// As many threads as this process can run at a time, and the fastest kernels.
  public static var automatic: CPUBackend { CPUBackend(threads: AvailableProcessors.count) }

  /// Compiles a network as it is defined: its norms are folded here. Everything that infers compiles this way.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound, ``ParametersError`` where the weights are not its, ``PlanError`` where it
  ///   needs more memory than ``mostActivationBytes`` allows.
  public func inferencePlan(_ graph: Graph, parameters: Parameters) throws -> CPUPlan {
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    return try plan(folded, parameters: weights)
  }

  public func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan {
    try inferencePlan(graph, parameters: parameters)
  }
}
