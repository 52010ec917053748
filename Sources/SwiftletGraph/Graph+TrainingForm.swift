// Graph+TrainingForm.swift: a network for inference as the network that is trained.

extension Graph {
  /// The graph with batch statistics: each ``BatchNorm`` whose running statistics are parameters becomes a
  /// `BatchNormTraining`, and the new statistics become updates. Norms that share statistics update them one after
  /// the other, as a shared module does in PyTorch.
  ///
  /// - Parameters:
  ///   - momentum: the weight of the new batch in running statistics.
  ///   - isFrozen: whether a norm keeps its statistics, by its node's label.
  /// - Throws: ``GraphError`` where a norm sees a single value a channel.
  public func trainingForm(
    momentum: Double = 0.1, isFrozen: (_ label: String) -> Bool = { _ in false }
  ) throws -> Graph {
    var graph = self
    let names = Dictionary(uniqueKeysWithValues: parameters.map { ($0.value, $0.name) })
    var current: [String: Value] = [:]
    func newValue(_ type: TensorType) -> Value {
      graph.types.append(type)
      return Value(id: graph.types.count - 1)
    }
    graph.nodes = nodes.map { node in
      guard let norm = node.operation as? BatchNorm, node.inputs.count == 5, !isFrozen(node.label),
        let mean = names[node.inputs[3]], let variance = names[node.inputs[4]]
      else { return node }
      let vector = type(of: node.inputs[3])
      let statistics = (0..<4).map { _ in newValue(vector) }
      var inputs = node.inputs
      inputs[3] = current[mean] ?? inputs[3]
      inputs[4] = current[variance] ?? inputs[4]
      (current[mean], current[variance]) = (statistics[2], statistics[3])
      return Node(
        label: node.label, operation: BatchNormTraining(epsilon: norm.epsilon, momentum: momentum),
        inputs: inputs, outputs: [node.outputs[0]] + statistics)
    }
    for spec in parameters {
      if let value = current[spec.name] { graph.updates.append(GraphPort(name: spec.name, value: value)) }
    }
    try graph.verify()
    return graph
  }
}
