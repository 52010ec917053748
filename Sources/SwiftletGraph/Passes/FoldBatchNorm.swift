// FoldBatchNorm.swift: batch norm with stored statistics becomes part of the layer before it.

/// Folds each ``BatchNorm`` into the convolution, depthwise convolution or linear layer that alone feeds it:
/// w′ = w · scale / √(variance + ε) and b′ = (b − mean) · scale / √(variance + ε) + offset, per output channel.
///
/// The arithmetic is in Double and rounds once. A norm whose producer has another reader, or whose producer's
/// weights are shared, stays.
public struct FoldBatchNorm: Pass {
  /// Creates the pass.
  public init() {}

  public func apply(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters) {
    var folded = graph
    var weights = parameters
    let specs = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, $0) })
    var readers: [Value: Int] = [:]
    for value in graph.nodes.flatMap(\.inputs) { readers[value, default: 0] += 1 }
    for port in graph.outputs + graph.updates { readers[port.value, default: 0] += 1 }
    var producers: [Value: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in node.outputs { producers[value] = index }
    }
    var renamed: [Value: Value] = [:]
    var removed: Set<Int> = []

    for (index, node) in graph.nodes.enumerated() {
      guard let norm = node.operation as? BatchNorm, let producer = producers[node.inputs[0]],
        readers[node.inputs[0]] == 1, Self.foldable(graph.nodes[producer].operation)
      else { continue }
      let layer = folded.nodes[producer]
      let names = node.inputs.dropFirst().map { specs[$0]?.name }
      guard let weight = specs[layer.inputs[1]], readers[weight.value] == 1,
        let tensor = weights[weight.name],
        let scale = names[0].flatMap({ weights[$0] })?.doubles(),
        let offset = names[1].flatMap({ weights[$0] })?.doubles(),
        let mean = names[2].flatMap({ weights[$0] })?.doubles(),
        let variance = names[3].flatMap({ weights[$0] })?.doubles()
      else { continue }

      let factor = zip(scale, variance).map { $0 / ($1 + norm.epsilon).squareRoot() }
      weights[weight.name] = try Self.scaled(tensor, by: factor)

      var bias = [Double](repeating: 0, count: factor.count)
      if layer.inputs.count == 3 {
        guard let spec = specs[layer.inputs[2]], readers[spec.value] == 1, let old = weights[spec.name]
        else { continue }
        bias = old.doubles()
        weights[spec.name] = try Self.shift(bias, mean, factor, offset).tensor()
      } else {
        let name = folded.uniqueParameterName(layer.label + ".bias")
        let value = Value(id: folded.types.count)
        folded.types.append(TensorType([factor.count]))
        folded.parameters.append(
          ParameterSpec(name: name, role: .bias, shape: [factor.count], value: value))
        folded.nodes[producer].inputs.append(value)
        weights[name] = try Self.shift(bias, mean, factor, offset).tensor()
      }
      renamed[node.outputs[0]] = layer.outputs[0]
      removed.insert(index)
    }

    folded.nodes = folded.nodes.enumerated().filter { !removed.contains($0.offset) }.map { _, node in
      var node = node
      node.inputs = node.inputs.map { renamed[$0] ?? $0 }
      return node
    }
    folded.outputs = folded.outputs.map { Port(name: $0.name, value: renamed[$0.value] ?? $0.value) }
    folded.updates = folded.updates.map { Port(name: $0.name, value: renamed[$0.value] ?? $0.value) }
    return try EliminateDeadNodes().apply(folded, weights)
  }

  private static func foldable(_ operation: any Operation) -> Bool {
    operation is Convolution || operation is DepthwiseConvolution || operation is Linear
  }

  /// Each row of the innermost dimension times `factor`, rounded once.
  private static func scaled(_ tensor: Tensor, by factor: [Double]) throws -> Tensor {
    try Tensor(
      shape: tensor.shape,
      writingFloats: { result in
        tensor.withFloats { values in
          for row in Swift.stride(from: 0, to: values.count, by: factor.count) {
            for c in 0..<factor.count { result[row + c] = Float(Double(values[row + c]) * factor[c]) }
          }
        }
      })
  }

  private static func shift(
    _ bias: [Double], _ mean: [Double], _ factor: [Double], _ offset: [Double]
  ) -> HostTensor {
    HostTensor([bias.count], bias.indices.map { (bias[$0] - mean[$0]) * factor[$0] + offset[$0] })
  }
}

extension Graph {
  /// `name`, or `name` with a number where a parameter has that name already.
  fileprivate func uniqueParameterName(_ name: String) -> String {
    let taken = Set(parameters.map(\.name))
    var candidate = name
    var number = 2
    while taken.contains(candidate) {
      candidate = "\(name)\(number)"
      number += 1
    }
    return candidate
  }
}
