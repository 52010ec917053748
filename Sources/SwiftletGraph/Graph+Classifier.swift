// Graph+Classifier.swift: the layer that gives a graph's logits, and the same network for other classes.

/// The last layer of a classifier, which computes its logits.
package struct ClassifierLayer: Sendable {
  /// The index of its node, a ``Linear`` or a 1×1 ``Convolution``.
  let index: Int
  /// Its input: the feature vector.
  package let features: Value
  /// Its weight, and its bias where it has one; `nil` where they are computed.
  package let weight: ParameterSpec?, bias: ParameterSpec?

  /// The names of its parameters.
  package var parameterNames: [String] { [weight, bias].compactMap { $0?.name } }
}

extension Graph {
  /// The layer that alone feeds the output `logits`: a linear layer or a 1×1 convolution, with nothing after it but reshapes,
  /// pools and activations without another reader.
  ///
  /// - Throws: ``GraphError/unknownOutput(_:graph:)``, ``GraphError/noClassifier(graph:reason:)``.
  package func classifierLayer() throws -> ClassifierLayer {
    func refuse(_ reason: String) -> GraphError { .noClassifier(graph: name, reason: reason) }
    var value = try output("logits").value
    let specs = Dictionary(uniqueKeysWithValues: parameters.map { ($0.value, $0) })
    for index in nodes.indices.reversed() where nodes[index].outputs.contains(value) {
      let node = nodes[index]
      let pointwise =
        (node.operation as? Convolution).map { $0.window.kernel == 1 && $0.groups == 1 } ?? false
      if pointwise || node.operation is Linear {
        return ClassifierLayer(
          index: index, features: node.inputs[0], weight: specs[node.inputs[1]],
          bias: node.inputs.count > 2 ? specs[node.inputs[2]] : nil)
      }
      switch node.operation {
      case is Reshape, is Activation, is GlobalAveragePool, is AveragePool, is AdaptiveAveragePool:
        value = node.inputs[0]
      default: throw refuse("its logits come from '\(node.label)' (\(Swift.type(of: node.operation).name))")
      }
    }
    throw refuse("its logits come from no layer")
  }

  /// The same network with another number of logits: weight and bias of its `classifierLayer()` get other shapes, and all that
  /// depends on them is inferred again.
  ///
  /// - Throws: ``GraphError/noClassifier(graph:reason:)`` where weight or bias are computed or shared, ``GraphError`` where
  ///   something that reads the logits does not fit so many.
  public func with(classes: Int) throws -> Graph {
    let logits = try output("logits").value
    let old = type(of: logits).shape.dimensions.last ?? 0
    if classes == old { return self }
    let layer = try classifierLayer()
    let node = nodes[layer.index]
    func refuse(_ reason: String) -> GraphError { .noClassifier(graph: name, reason: reason) }
    guard (1...1_000_000).contains(classes) else {
      throw refuse("the number of classes must be between 1 and 1000000, got \(classes)")
    }
    guard layer.parameterNames.count == node.inputs.count - 1 else {
      throw refuse("weight or bias of '\(node.label)' are computed")
    }
    let operands = Set(node.inputs.dropFirst())
    let reads = nodes.reduce(0) { $0 + $1.inputs.count(where: operands.contains) }
    guard reads == operands.count, !(outputs + updates).contains(where: { operands.contains($0.value) })
    else {
      throw refuse("another layer reads the weight or the bias of '\(node.label)'")
    }

    var graph = self
    var changed = operands
    graph.parameters = parameters.map { spec in
      guard operands.contains(spec.value) else { return spec }
      let shape = Shape(spec.shape.dimensions.dropLast() + [classes])
      graph.types[spec.value.id] = TensorType(shape, spec.scalarType)
      return ParameterSpec(
        name: spec.name, role: spec.role, shape: shape, scalarType: spec.scalarType, value: spec.value)
    }
    graph.nodes = try nodes.map { node in
      guard node.inputs.contains(where: changed.contains) else { return node }
      changed.formUnion(node.outputs)
      var operation = node.operation
      if let reshape = operation as? Reshape, reshape.shape.dimensions.last == old {
        operation = Reshape(Shape(reshape.shape.dimensions.dropLast() + [classes]))
      }
      let types = try operation.inferred(node.inputs.map(graph.type(of:)), node: node.label)
      for (value, type) in zip(node.outputs, types) { graph.types[value.id] = type }
      return Node(label: node.label, operation: operation, inputs: node.inputs, outputs: node.outputs)
    }
    try graph.verify()
    return graph
  }
}
