// EliminateDeadNodes.swift: removes nodes that no output depends on.

/// Removes nodes that neither an output nor an update depends on, and parameters that nothing reads any more.
package struct EliminateDeadNodes: Pass {
  /// Creates the pass.
  package init() {}

  package func apply(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters) {
    let smaller = graph.eliminatingDeadNodes()
    var kept = parameters
    let gone = Set(graph.parameters.map(\.name)).subtracting(smaller.parameters.map(\.name))
    for name in gone { kept[name] = nil }
    return (smaller, kept)
  }
}

extension Graph {
  /// The graph without dead nodes and without parameters that nothing reads.
  func eliminatingDeadNodes() -> Graph {
    var live = Set((outputs + updates).map(\.value))
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: live.contains) {
      live.formUnion(node.inputs)
      kept.append(node)
    }
    var graph = self
    graph.nodes = kept.reversed()
    let updated = Set(updates.map(\.name))
    graph.parameters = parameters.filter { live.contains($0.value) || updated.contains($0.name) }
    return graph
  }
}
