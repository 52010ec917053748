// Graph+Rebatched.swift: the same network for another number of images.

extension Graph {
  /// Images of a run: the first dimension of the first input that has one; 1 where none has.
  public var batch: Int {
    inputs.lazy.map { type(of: $0.value).shape }.first { $0.rank >= 1 }.map { $0[0] } ?? 1
  }

  /// The graph for `newBatch` images: all inputs of rank 1 or more get that first dimension, and every shape that
  /// depends on an input is inferred again. Parameters, and values computed from parameters alone, stay as they are.
  ///
  /// - Throws: ``GraphError`` where an input has another first dimension than ``batch``, or an operation does not
  ///   exist for that batch.
  public func rebatched(to newBatch: Int) throws -> Graph {
    let batch = self.batch
    guard newBatch >= 1 else {
      throw GraphError.wrongInput(name: name, expected: "a batch of 1 or more", got: "\(newBatch)")
    }
    if newBatch == batch { return self }
    var graph = self
    var dependent: Set<Value> = []
    for port in inputs {
      let type = self.type(of: port.value)
      guard type.shape.rank >= 1 else { continue }
      guard type.shape[0] == batch else {
        throw GraphError.wrongInput(
          name: port.name, expected: "a first dimension of \(batch), as the first input has",
          got: type.shape.description)
      }
      let shape = Shape([newBatch] + type.shape.dimensions.dropFirst())
      graph.types[port.value.id] = TensorType(shape, type.scalarType)
      dependent.insert(port.value)
    }
    graph.nodes = try nodes.map { node in
      guard node.inputs.contains(where: dependent.contains) else { return node }
      dependent.formUnion(node.outputs)
      let operation = node.operation.rebatched(from: batch, to: newBatch)
      let types = try operation.inferred(node.inputs.map(graph.type(of:)), node: node.label)
      for (value, type) in zip(node.outputs, types) { graph.types[value.id] = type }
      return Node(label: node.label, operation: operation, inputs: node.inputs, outputs: node.outputs)
    }
    try graph.verify()
    return graph
  }
}
