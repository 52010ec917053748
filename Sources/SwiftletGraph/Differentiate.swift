// Differentiate.swift: reverse mode as a graph transform. The chain rule, node by node, from the end.

extension Graph {
  /// The graph with its backward pass appended.
  ///
  /// The caller provides the gradient of `output` with respect to the loss as a new input `gradient.<output>` (of
  /// the output's type); the new outputs are `gradient.<parameter>` for each trainable parameter that the output
  /// depends on, in the graph's order, and `gradient.<input>` for each of `inputNames`.
  ///
  /// - Parameters:
  ///   - output: the name of an output; the first one if `nil`.
  ///   - isFrozen: whether a trainable parameter is to be left out.
  ///   - inputNames: inputs whose gradients are computed too.
  /// - Throws: ``GraphError/notDifferentiable(node:operation:)`` where a node on the way has no gradient,
  ///   ``GraphError/unknownOutput(_:graph:)`` where there is no such output.
  public func differentiated(
    of output: String? = nil, inputs inputNames: [String] = [],
    isFrozen: (ParameterSpec) -> Bool = { _ in false }
  ) throws -> Graph {
    guard let target = try output.map(self.output) ?? outputs.first else {
      throw GraphError.unknownOutput("logits", graph: name)
    }
    // The context owns the builder: a copy for each node would make the pass quadratic.
    var context = GradientContext(extending: self)
    let seed = context.builder.input("gradient.\(target.name)", type(of: target.value))
    var gradients: [Value: Value] = [target.value: seed]
    let trained = parameters.filter { $0.role.isTrainable && !isFrozen($0) }
    let wanted = Set(
      trained.map(\.value)
        + inputs.lazy.filter { inputNames.contains($0.name) }.map(\.value))
    let active = dependents(of: wanted)

    for node in nodes.reversed()
    where node.outputs.contains(where: { gradients[$0] != nil })
      && node.inputs.contains(where: active.contains)
    {
      context.enter(node, outputGradients: node.outputs.map { gradients[$0] })
      let contributions = try node.operation.gradient(&context)
      for (value, contribution) in zip(node.inputs, contributions) {
        guard let contribution, active.contains(value) else { continue }
        if let sum = gradients[value] {
          gradients[value] = try context.builder.apply(
            Add(), sum, contribution, label: "gradient.\(node.label).sum")
        } else {
          gradients[value] = contribution
        }
      }
    }
    for spec in trained {
      if let gradient = gradients[spec.value] { context.builder.output("gradient.\(spec.name)", gradient) }
    }
    for port in inputs where inputNames.contains(port.name) {
      if let gradient = gradients[port.value] { context.builder.output("gradient.\(port.name)", gradient) }
    }
    return try context.builder.finish().eliminatingDeadNodes()
  }

  /// The values that depend on any of `roots`, and the roots.
  private func dependents(of roots: Set<Value>) -> Set<Value> {
    var active = roots
    for node in nodes where node.inputs.contains(where: active.contains) { active.formUnion(node.outputs) }
    return active
  }
}
