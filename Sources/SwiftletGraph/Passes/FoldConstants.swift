// FoldConstants.swift: computes nodes that depend on parameters alone once, before the first run.

/// Replaces each value that is computed from parameters alone, and that other nodes read, by a parameter: a sliced, masked
/// or scaled weight becomes a weight. For inference only, where parameters do not change.
///
/// The arithmetic is each operation's definition in Double; a result is rounded once, however many operations led to it.
/// A new parameter is named after the node that computed it, and has the role that its reader gives it.
package struct FoldConstants: Pass {
  /// Creates the pass.
  package init() {}

  package func apply(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters) {
    let constants = graph.constantNodes(limit: Self.largestResult(graph))
    guard !constants.isEmpty else { return (graph, parameters) }
    let computed = Set(constants.flatMap { graph.nodes[$0].outputs })

    // The values that other nodes read, with their roles there.
    var roles: [Value: ParameterRole] = [:]
    for (index, node) in graph.nodes.enumerated() where !constants.contains(index) {
      for (position, value) in node.inputs.enumerated() where computed.contains(value) {
        roles[value] = roles[value] ?? node.operation.parameterRole(position)
      }
    }
    var part = graph
    part.nodes = graph.nodes.indices.filter(constants.contains).map { graph.nodes[$0] }
    part.inputs = []
    part.updates = []
    part.outputs = part.nodes.flatMap { node in
      node.outputs.enumerated().filter { roles[$0.element] != nil }.map { position, value in
        GraphPort(name: position == 0 ? node.label : "\(node.label).\(position)", value: value)
      }
    }
    let needed = part.eliminatingDeadNodes()
    let results = try ReferencePlan(needed, parameters: parameters).run([])

    var folded = graph
    var weights = parameters
    folded.nodes = graph.nodes.indices.filter { !constants.contains($0) }.map { graph.nodes[$0] }
    var names = ParameterNames(graph)
    for (port, result) in zip(needed.outputs, results) {
      let name = names.unique(port.name)
      folded.parameters.append(
        ParameterSpec(
          name: name, role: roles[port.value] ?? .state, shape: result.shape, scalarType: result.scalarType,
          value: port.value))
      weights[name] = try result.tensor()
    }
    return try EliminateDeadNodes().apply(folded, weights)
  }

  /// The most elements that a folded result may have: a small graph from a file may declare results of any size, and those are
  /// left to the plan, which has a limit of its own.
  private static func largestResult(_ graph: Graph) -> Int {
    graph.parameters.reduce(1 << 22) { $0 + $1.shape.count }
  }
}

extension Graph {
  /// The indices of the nodes that read parameters and results of such nodes only, and whose results are no outputs.
  fileprivate func constantNodes(limit: Int) -> Set<Int> {
    var constant = Set(parameters.map(\.value))
    let returned = Set((outputs + updates).map(\.value))
    var indices: Set<Int> = []
    for (index, node) in nodes.enumerated()
    where node.inputs.allSatisfy(constant.contains) && !node.outputs.contains(where: returned.contains)
      && node.outputs.allSatisfy({ type(of: $0).shape.count <= limit })
    {
      indices.insert(index)
      constant.formUnion(node.outputs)
    }
    return indices
  }
}

/// The names of a graph's parameters, for passes that add some.
struct ParameterNames {
  private var taken: Set<String>

  init(_ graph: Graph) { taken = Set(graph.parameters.map(\.name)) }

  /// `name`, or `name` with a number where a parameter has that name already; it is taken from then on.
  mutating func unique(_ name: String) -> String {
    var candidate = name
    var number = 2
    while !taken.insert(candidate).inserted {
      candidate = "\(name)\(number)"
      number += 1
    }
    return candidate
  }
}

extension GraphOperation {
  /// The role of a parameter that the operation reads as its input at `position`.
  fileprivate func parameterRole(_ position: Int) -> ParameterRole {
    switch (self, position) {
    case (is Convolution, 1): .convolution
    case (is DepthwiseConvolution, 1): .depthwise
    case (is Linear, 1): .linear
    case (is Convolution, 2), (is DepthwiseConvolution, 2), (is Linear, 2): .bias
    case (is BatchNorm, 1): .normScale
    case (is BatchNorm, 2): .normOffset
    case (is BatchNorm, 3): .normMean
    case (is BatchNorm, 4): .normVariance
    default: .state
    }
  }
}
