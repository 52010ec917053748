// CPUBackend+Inference.swift: the one way from a network and its weights to the plan that is run.

import SwiftletCore
import SwiftletGraph

extension CPUBackend {
  /// As many threads as this process can run at a time, shared by all engines of this kind, and the fastest kernels.
  public static var automatic: CPUBackend {
    var backend = CPUBackend(threads: AvailableProcessors.count)
    backend.sharesThreads = true
    return backend
  }

  /// Compiles a network as it is defined: constants are computed and norms are folded here. All inference compiles this way.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound, ``ParametersError`` where the weights are not its, ``PlanError`` where it
  ///   needs more memory than ``mostActivationBytes`` allows.
  package func inferencePlan(_ graph: Graph, parameters: Parameters) throws -> CPUPlan {
    let (folded, weights) = try graph.preparedForInference(parameters)
    return try plan(folded, parameters: weights)
  }

  /// The plan of the same network for another batch. Packed weights are shared where both plans pack them alike.
  ///
  /// - Throws: as ``inferencePlan(_:parameters:)``.
  package func plan(_ other: CPUPlan, batch: Int) throws -> CPUPlan {
    try CPUPlan(other.graph.rebatched(to: batch), other.boundParameters, self, sharing: other)
  }

  public func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan {
    try inferencePlan(graph, parameters: parameters)
  }
}
