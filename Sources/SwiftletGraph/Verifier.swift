// Verifier.swift: the invariants of every graph, checked after it is built and after each pass.

extension Shape {
  /// Whether a value can have the shape: all dimensions are at least 1, and there are not more elements than
  /// ``Graph/mostElements``.
  var isSensible: Bool {
    guard let count = checkedCount else { return false }
    return (1...Graph.mostElements).contains(count)
  }
}

extension Graph {
  /// More elements than any value has, and few enough that sums and products of shapes stay within an Int.
  static let mostElements = 1 << 40

  /// Checks that each value is defined once, before it is read; that the stored types, shapes and element
  /// types both, are the inferred ones; and that names are unique.
  ///
  /// - Throws: ``GraphError``, naming the first node that breaks a rule.
  public func verify() throws {
    for (index, type) in types.enumerated() {
      guard type.shape.isSensible else {
        throw GraphError.badShape(value: index, shape: type.shape)
      }
    }
    var defined = [Bool](repeating: false, count: types.count)
    func define(_ value: Value, _ node: String) throws {
      guard defined.indices.contains(value.id), !defined[value.id] else {
        throw GraphError.undefinedValue(node: node, value: value.id)
      }
      defined[value.id] = true
    }
    func read(_ value: Value, _ node: String) throws {
      guard defined.indices.contains(value.id), defined[value.id] else {
        throw GraphError.undefinedValue(node: node, value: value.id)
      }
    }
    try Self.checkUnique(inputs.map(\.name))
    try Self.checkUnique(parameters.map(\.name))
    try Self.checkUnique(outputs.map(\.name))
    try Self.checkUnique(updates.map(\.name))
    try Self.checkUnique(nodes.map(\.label))
    for port in inputs { try define(port.value, port.name) }
    for spec in parameters {
      try define(spec.value, spec.name)
      try Self.checkType(type(of: spec.value), spec.type, spec.name)
    }
    for node in nodes {
      for value in node.inputs { try read(value, node.label) }
      let inferred = try node.operation.inferred(node.inputs.map(type(of:)), node: node.label)
      guard inferred.count == node.outputs.count else {
        throw GraphError.wrongType(
          node: node.label, stored: "\(node.outputs.count) results", inferred: "\(inferred.count) results")
      }
      for (value, type) in zip(node.outputs, inferred) {
        try define(value, node.label)
        try Self.checkType(self.type(of: value), type, node.label)
      }
    }
    for port in outputs { try read(port.value, port.name) }
    let specs = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
    for port in updates {
      try read(port.value, port.name)
      guard let spec = specs[port.name] else {
        throw GraphError.unknownParameter(port.name)
      }
      try Self.checkType(type(of: port.value), spec.type, port.name)
    }
  }

  private static func checkType(_ stored: TensorType, _ inferred: TensorType, _ node: String) throws {
    guard stored == inferred else {
      throw GraphError.wrongType(node: node, stored: "\(stored)", inferred: "\(inferred)")
    }
  }

  private static func checkUnique(_ names: [String]) throws {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted { throw GraphError.duplicateName(name) }
  }
}
