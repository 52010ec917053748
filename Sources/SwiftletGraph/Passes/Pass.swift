// Pass.swift: the protocol of portable transformations of a network.

/// A transformation of a graph together with its weights that keeps its meaning.
package protocol Pass: Sendable {
  /// Applies the pass.
  ///
  /// - Throws: ``GraphError`` or ``ParametersError`` where the network is not sound.
  func apply(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters)
}

extension Graph {
  /// Applies passes in order, and verifies the graph after each.
  ///
  /// - Throws: the errors of the passes, and ``GraphError`` where a pass leaves an unsound graph.
  package func applying(_ passes: [any Pass], to parameters: Parameters) throws -> (Graph, Parameters) {
    try passes.reduce((self, parameters)) { network, pass in
      let result = try pass.apply(network.0, network.1)
      try result.0.verify()
      return result
    }
  }
}
