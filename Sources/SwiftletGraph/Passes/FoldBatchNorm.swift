// FoldBatchNorm.swift: batch norm with stored statistics becomes part of the layer before it.

/// Folds each ``BatchNorm`` into the convolution, depthwise convolution or linear layer that alone feeds it:
/// w′ = w · scale / √(variance + ε) and b′ = (b − mean) · scale / √(variance + ε) + offset, per output channel.
///
/// The arithmetic is in Double and rounds once. A norm stays where its producer has another reader, where the
/// producer's weight is shared or computed, or where its bias is computed. A bias that is shared is not changed: the layer
/// gets one of its own.
package struct FoldBatchNorm: Pass {
  /// Creates the pass.
  package init() {}

  package func apply(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters) {
    let uses = Uses(graph)
    var folded = graph
    var weights = parameters
    var names = ParameterNames(graph)
    var renamed: [Value: Value] = [:]
    var removed: Set<Int> = []
    for index in graph.nodes.indices {
      // All that can refuse is in `Fold.init`; the rest changes the graph and cannot fail halfway.
      guard let fold = try Fold(graph.nodes[index], in: graph, uses, parameters) else { continue }
      weights[fold.weight.name] = fold.scaled
      if let own = fold.ownBias {
        weights[own.name] = fold.bias
      } else {
        let layer = graph.nodes[fold.layer]
        let name = names.unique(layer.label + ".bias")
        let value = Value(id: folded.types.count)
        let spec = ParameterSpec(
          name: name, role: .bias, shape: fold.bias.shape, scalarType: fold.bias.scalarType, value: value)
        folded.types.append(spec.type)
        folded.parameters.append(spec)
        folded.nodes[fold.layer].inputs = Array(layer.inputs.prefix(2)) + [value]
        weights[name] = fold.bias
      }
      renamed[graph.nodes[index].outputs[0]] = graph.nodes[fold.layer].outputs[0]
      removed.insert(index)
    }

    folded.nodes = folded.nodes.enumerated().filter { !removed.contains($0.offset) }.map { _, node in
      var node = node
      node.inputs = node.inputs.map { renamed[$0] ?? $0 }
      return node
    }
    folded.outputs = folded.outputs.map { GraphPort(name: $0.name, value: renamed[$0.value] ?? $0.value) }
    folded.updates = folded.updates.map { GraphPort(name: $0.name, value: renamed[$0.value] ?? $0.value) }
    return try EliminateDeadNodes().apply(folded, weights)
  }
}

/// The writers and readers of each value of a graph.
private struct Uses {
  /// The parameter of a value.
  let specs: [Value: ParameterSpec]
  /// The number of reads of a value, by nodes, outputs and updates.
  let readers: [Value: Int]
  /// The index of the node that computes a value.
  let producers: [Value: Int]
  /// The parameters that a run gives new values.
  let updated: Set<String>

  init(_ graph: Graph) {
    specs = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, $0) })
    var readers: [Value: Int] = [:]
    for value in graph.nodes.flatMap(\.inputs) { readers[value, default: 0] += 1 }
    for port in graph.outputs + graph.updates { readers[port.value, default: 0] += 1 }
    self.readers = readers
    var producers: [Value: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in node.outputs { producers[value] = index }
    }
    self.producers = producers
    updated = Set(graph.updates.map(\.name))
  }

  /// Whether a single node reads the value, and nothing else.
  func hasOneReader(_ value: Value) -> Bool { readers[value] == 1 }
}

/// A norm and the layer that it can be folded into, with the layer's new weight and bias.
private struct Fold {
  /// The index of the layer.
  let layer: Int
  /// The layer's weight, and its bias where no other layer reads it.
  let weight: ParameterSpec, ownBias: ParameterSpec?
  /// The new weight and the new bias.
  let scaled: Tensor, bias: Tensor

  /// `nil` where the node is no norm, or one that must stay.
  init?(_ node: Node, in graph: Graph, _ uses: Uses, _ parameters: Parameters) throws {
    guard let norm = node.operation as? BatchNorm, let producer = uses.producers[node.inputs[0]],
      uses.hasOneReader(node.inputs[0])
    else { return nil }
    let layer = graph.nodes[producer]
    guard
      layer.operation is Convolution || layer.operation is DepthwiseConvolution || layer.operation is Linear,
      let weight = uses.specs[layer.inputs[1]], uses.hasOneReader(weight.value),
      let tensor = parameters[weight.name]
    else { return nil }
    var read: [ParameterSpec] = [weight]
    func values(_ value: Value) -> [Double]? {
      guard let spec = uses.specs[value], let tensor = parameters[spec.name] else { return nil }
      read.append(spec)
      return tensor.doubles()
    }
    guard let scale = values(node.inputs[1]), let offset = values(node.inputs[2]),
      let mean = values(node.inputs[3]), let variance = values(node.inputs[4])
    else { return nil }
    var old = [Double](repeating: 0, count: scale.count)
    var ownBias: ParameterSpec?
    if layer.inputs.count == 3 {
      guard let bias = values(layer.inputs[2]) else { return nil }
      old = bias
      if uses.hasOneReader(layer.inputs[2]) { ownBias = uses.specs[layer.inputs[2]] }
    }
    // Parameters that a run updates cannot be folded beforehand.
    if read.contains(where: { uses.updated.contains($0.name) }) { return nil }

    let factor = zip(scale, variance).map { $0 / ($1 + norm.epsilon).squareRoot() }
    self.layer = producer
    self.weight = weight
    self.ownBias = ownBias
    scaled = try Self.scaled(tensor, by: factor, as: weight.scalarType)
    bias = try Tensor(
      shape: [factor.count], scalarType: weight.scalarType,
      rounding: factor.indices.map { (old[$0] - mean[$0]) * factor[$0] + offset[$0] })
  }

  /// Each row of the innermost dimension times `factor`, rounded once.
  private static func scaled(_ tensor: Tensor, by factor: [Double], as type: ScalarType) throws -> Tensor {
    guard type == .float32 else {
      var values = tensor.doubles()
      for index in values.indices { values[index] *= factor[index % factor.count] }
      return try Tensor(shape: tensor.shape, scalarType: type, rounding: values)
    }
    return try Tensor(
      shape: tensor.shape,
      writingFloats: { result in
        tensor.withFloats { values in
          for row in Swift.stride(from: 0, to: values.count, by: factor.count) {
            for c in 0..<factor.count { result[row + c] = Float(Double(values[row + c]) * factor[c]) }
          }
        }
      })
  }
}
