// Graph.swift: the intermediate representation: coarse operations over named, statically shaped values.

/// A value of a graph: an input, a parameter or a result of a node.
public struct Value: Hashable, Sendable, Codable {
  /// Its index in ``Graph/types``.
  public let id: Int

  package init(id: Int) { self.id = id }
}

/// One operation of a graph, with its inputs and outputs.
public struct Node: Sendable {
  /// A unique path, such as `stages.3.1.depthwise`.
  public let label: String
  /// The operation.
  public let operation: any GraphOperation
  /// The values that it reads.
  public var inputs: [Value]
  /// The values that it defines.
  public let outputs: [Value]
}

/// A value with a name: an input or an output of a graph.
public struct GraphPort: Hashable, Sendable, Codable {
  /// Its name, unique among its kind.
  public let name: String
  /// The value.
  public let value: Value
}

/// A network, or a step of training, as a list of operations in order of execution.
///
/// A graph is portable: it holds shapes and names, but no weights (those are ``Parameters``) and nothing about a
/// machine (that is a ``Plan``).
public struct Graph: Sendable, Hashable {
  /// The name in dumps and errors.
  public var name: String
  /// The type of each value, by ``Value/id``.
  public internal(set) var types: [TensorType] = []
  /// The operations; each reads only earlier values.
  public internal(set) var nodes: [Node] = []
  /// The inputs, which a caller provides at each run.
  public internal(set) var inputs: [GraphPort] = []
  /// The parameters, which are bound when a plan is made.
  public internal(set) var parameters: [ParameterSpec] = []
  /// The outputs of a run.
  public internal(set) var outputs: [GraphPort] = []
  /// New values of parameters (such as running statistics), returned after ``outputs``; the name is the parameter's.
  public internal(set) var updates: [GraphPort] = []

  /// Creates an empty graph; ``GraphBuilder`` fills it.
  init(name: String) { self.name = name }

  /// The type of a value.
  public func type(of value: Value) -> TensorType { types[value.id] }

  /// The trainable parameters' number of elements: the papers' "parameters".
  public var parameterCount: Int {
    parameters.reduce(0) { $0 + ($1.role.isTrainable ? $1.shape.count : 0) }
  }

  /// The work of one node, with the parameters that it reads and the bytes that it moves.
  public func cost(of node: Node) -> Cost {
    var cost = node.operation.cost(node.inputs.map(type(of:)))
    let trainable = Set(parameters.lazy.filter(\.role.isTrainable).map(\.value))
    for value in node.inputs where trainable.contains(value) {
      cost.parameters += type(of: value).shape.count
    }
    cost.bytesMoved = (node.inputs + node.outputs).reduce(0) { $0 + type(of: $1).byteCount }
    return cost
  }

  /// The multiply-adds of the whole graph.
  public var multiplyAdds: Int {
    nodes.reduce(0) { $0 + $1.operation.cost($1.inputs.map(type(of:))).multiplyAdds }
  }

  /// For each value, the index of the last node that reads it; outputs and updates are read after all nodes.
  func lastUses() -> [Int?] {
    var result = [Int?](repeating: nil, count: types.count)
    for (index, node) in nodes.enumerated() {
      for value in node.inputs { result[value.id] = index }
    }
    for port in outputs + updates { result[port.value.id] = nodes.count }
    return result
  }

  /// The most bytes that inputs and results take at any moment when nodes run one at a time and each value is
  /// dropped after its last use. Parameters are not counted; views (reshapes) are not counted twice.
  public var peakActivationBytes: Int {
    let lastUse = lastUses()
    var live = inputs.reduce(0) { $0 + type(of: $1.value).byteCount }
    var peak = live
    let parameterValues = Set(parameters.map(\.value))
    for (index, node) in nodes.enumerated() {
      if node.operation is Reshape { continue }
      live += node.outputs.reduce(0) { $0 + type(of: $1).byteCount }
      peak = max(peak, live)
      for value in Set(node.inputs + node.outputs)
      where (lastUse[value.id] ?? index) <= index && !parameterValues.contains(value) {
        live -= type(of: value).byteCount
      }
    }
    return peak
  }
}
