// ReferenceBackend.swift: runs each operation's `reference`, one after the other, in Double.

/// The oracle: every operation as its definition reads, in double precision, on one thread.
package struct ReferenceBackend: Backend {
  /// Creates the backend.
  package init() {}

  package func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan {
    try ReferencePlan(graph, parameters: parameters)
  }
}

/// A graph with its weights, ready for ``ReferenceSession``s.
package struct ReferencePlan: Plan {
  package let graph: Graph
  private let parameters: [Value: Tensor]
  private let lastUses: [Int?]

  /// Verifies the graph and binds the weights.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound, ``ParametersError`` where the weights are not its.
  package init(_ graph: Graph, parameters: Parameters) throws {
    try graph.verify()
    try parameters.check(against: graph)
    self.graph = graph
    self.parameters = Dictionary(
      uniqueKeysWithValues: graph.parameters.compactMap { spec in
        parameters[spec.name].map { (spec.value, $0) }
      })
    lastUses = graph.lastUses()
  }

  package func makeSession() -> any Session & ~Copyable { ReferenceSession(plan: self) }

  /// Runs the graph once in Double: outputs, then updates.
  ///
  /// A parameter is widened when a node reads it and dropped again, so memory is that of one layer's weights
  /// and of the values that are still needed.
  ///
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``.
  package func run(_ inputs: [HostTensor]) throws -> [HostTensor] {
    guard inputs.count == graph.inputs.count else {
      throw GraphError.wrongInput(
        name: graph.name, expected: "\(graph.inputs.count) tensors", got: "\(inputs.count)")
    }
    var values = [HostTensor?](repeating: nil, count: graph.types.count)
    for (port, tensor) in zip(graph.inputs, inputs) {
      let expected = graph.type(of: port.value).shape
      guard tensor.shape == expected else {
        throw GraphError.wrongInput(
          name: port.name, expected: expected.description, got: tensor.shape.description)
      }
      values[port.value.id] = tensor.cast(to: graph.type(of: port.value).scalarType)
    }
    for (index, node) in graph.nodes.enumerated() {
      let operands = try node.inputs.map { try value($0, values, node.label) }
      for (output, result) in zip(node.outputs, node.operation.reference(operands)) {
        values[output.id] = result.cast(to: graph.type(of: output).scalarType)
      }
      for read in node.inputs + node.outputs where (lastUses[read.id] ?? index) <= index {
        values[read.id] = nil
      }
    }
    return try (graph.outputs + graph.updates).map { try value($0.value, values, $0.name) }
  }

  private func value(_ value: Value, _ values: [HostTensor?], _ node: String) throws -> HostTensor {
    if let computed = values[value.id] { return computed }
    guard let parameter = parameters[value] else {
      throw GraphError.undefinedValue(node: node, value: value.id)
    }
    return HostTensor(parameter).cast(to: graph.type(of: value).scalarType)
  }
}

/// Runs a ``ReferencePlan``; each result is rounded once, to its element type.
package struct ReferenceSession: Session, ~Copyable {
  private let plan: ReferencePlan

  init(plan: ReferencePlan) { self.plan = plan }

  package mutating func run(_ inputs: [Tensor]) throws -> [Tensor] {
    try plan.graph.check(inputs)
    return try plan.run(inputs.map { HostTensor($0) }).map { try $0.tensor() }
  }
}
