// GraphBuilder.swift: writes a graph, node by node, under nested names.

/// Builds a ``Graph``. Shapes are inferred, and checked, as each node is added.
public struct GraphBuilder {
  /// The graph so far.
  public private(set) var graph: Graph
  private var scopes: [String] = []
  private var labels: Set<String> = []
  /// For a label that was taken: the first number that may be free.
  private var nextNumbers: [String: Int] = [:]
  private var parameterNames: Set<String> = []

  /// Starts an empty graph.
  public init(name: String) { graph = Graph(name: name) }

  /// Continues a graph, for passes that append to it.
  public init(extending graph: Graph) {
    self.graph = graph
    labels = Set(graph.nodes.map(\.label))
    parameterNames = Set(graph.parameters.map(\.name))
  }

  /// The path of the innermost scope: `stages.3.1`.
  public var path: String { scopes.joined(separator: ".") }

  /// Runs `body` with `name` appended to the path of whatever it adds.
  public mutating func scope<Result>(
    _ name: String, _ body: (inout GraphBuilder) throws -> Result
  ) rethrows -> Result {
    scopes.append(name)
    defer { scopes.removeLast() }
    return try body(&self)
  }

  /// Appends `name` to the path until ``leave()``: for builders that wrap this one.
  package mutating func enter(_ name: String) { scopes.append(name) }

  /// Ends the innermost scope.
  package mutating func leave() { scopes.removeLast() }

  /// Adds an input that the caller provides at each run.
  public mutating func input(_ name: String, _ type: TensorType) -> Value {
    let value = newValue(type)
    graph.inputs.append(GraphPort(name: name, value: value))
    return value
  }

  /// Adds a parameter; its name is the path with `name` appended.
  ///
  /// - Throws: ``GraphError/duplicateName(_:)``.
  public mutating func parameter(
    _ name: String, _ role: ParameterRole, _ shape: Shape, scalarType: ScalarType = .float32
  ) throws -> Value {
    let full = joined(name)
    guard parameterNames.insert(full).inserted else { throw GraphError.duplicateName(full) }
    guard shape.isSensible else {
      throw GraphError.invalidOperation(node: full, operation: "parameter", reason: "bad shape \(shape)")
    }
    let value = newValue(TensorType(shape, scalarType))
    graph.parameters.append(
      ParameterSpec(name: full, role: role, shape: shape, scalarType: scalarType, value: value))
    return value
  }

  /// Adds a node with any number of outputs. Its label is the path with `label` appended, made unique.
  ///
  /// - Throws: ``GraphError/invalidOperation(node:operation:reason:)`` where the inputs do not fit.
  public mutating func emit(
    _ operation: some GraphOperation, _ inputs: [Value], label: String
  ) throws -> [Value] {
    let unique = uniqueLabel(joined(label))
    let types = try operation.inferred(inputs.map(graph.type(of:)), node: unique)
    labels.insert(unique)
    let outputs = types.map { newValue($0) }
    graph.nodes.append(Node(label: unique, operation: operation, inputs: inputs, outputs: outputs))
    return outputs
  }

  /// Adds a node and gives its first output.
  ///
  /// - Throws: ``GraphError/invalidOperation(node:operation:reason:)`` where the inputs do not fit.
  public mutating func apply(
    _ operation: some GraphOperation, _ inputs: Value..., label: String
  ) throws -> Value {
    let outputs = try emit(operation, inputs, label: label)
    guard let first = outputs.first else {
      throw GraphError.invalidOperation(node: joined(label), operation: "node", reason: "has no output")
    }
    return first
  }

  /// The type of a value.
  public func type(of value: Value) -> TensorType { graph.type(of: value) }

  /// Declares an output.
  public mutating func output(_ name: String, _ value: Value) {
    graph.outputs.append(GraphPort(name: name, value: value))
  }

  /// Declares the new value of a parameter.
  public mutating func update(_ parameter: String, _ value: Value) {
    graph.updates.append(GraphPort(name: parameter, value: value))
  }

  /// The graph, verified.
  ///
  /// - Throws: ``GraphError``.
  public func finish() throws -> Graph {
    try graph.verify()
    return graph
  }

  private mutating func newValue(_ type: TensorType) -> Value {
    graph.types.append(type)
    return Value(id: graph.types.count - 1)
  }

  private func joined(_ name: String) -> String {
    scopes.isEmpty ? name : name.isEmpty ? path : path + "." + name
  }

  /// `label`, or `label` with a number where a node has that label already. It is taken once the node is added: an
  /// operation that refuses its inputs leaves the label free.
  private mutating func uniqueLabel(_ label: String) -> String {
    guard labels.contains(label) else { return label }
    var number = nextNumbers[label] ?? 2
    while labels.contains("\(label)#\(number)") { number += 1 }
    nextNumbers[label] = number
    return "\(label)#\(number)"
  }
}

extension GraphOperation {
  /// ``infer(_:)`` with the node's label in its errors.
  func inferred(_ inputs: [TensorType], node: String) throws -> [TensorType] {
    do {
      let types = try infer(inputs)
      for type in types where !type.shape.isSensible {
        throw OperationError("the result \(type.shape) is empty or too large")
      }
      return types
    } catch let error as OperationError {
      throw GraphError.invalidOperation(node: node, operation: Self.name, reason: error.description)
    }
  }
}
