// Graph+Prepared.swift: the passes of inference, in their order.

extension Graph {
  /// The graph as it is compiled for inference: constants computed (`FoldConstants`), norms folded into the layers before them
  /// (`FoldBatchNorm`), and nothing left that no output needs. Outputs keep their names and order.
  ///
  /// - Parameter parameters: the graph's.
  /// - Returns: the smaller graph, with the parameters that it needs.
  /// - Throws: ``GraphError`` or ``ParametersError`` where the network is unsound.
  public func preparedForInference(_ parameters: Parameters) throws -> (Graph, Parameters) {
    try verify()
    try parameters.check(against: self)
    return try applying([FoldConstants(), FoldBatchNorm()], to: parameters)
  }
}
