// Graph+Codable.swift: graphs as JSON: names, attributes and types, no weights.

extension Graph: Codable {
  private enum Key: String, CodingKey { case name, types, nodes, inputs, parameters, outputs, updates }

  /// Reads a graph and verifies it.
  ///
  /// - Throws: `DecodingError`, or ``GraphError`` where the graph is not a sound one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(name: try container.decode(String.self, forKey: .name))
    types = try container.decode([TensorType].self, forKey: .types)
    nodes = try container.decode([Node].self, forKey: .nodes)
    inputs = try container.decode([GraphPort].self, forKey: .inputs)
    parameters = try container.decode([ParameterSpec].self, forKey: .parameters)
    outputs = try container.decode([GraphPort].self, forKey: .outputs)
    updates = try container.decode([GraphPort].self, forKey: .updates)
    try verify()
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try container.encode(types, forKey: .types)
    try container.encode(nodes, forKey: .nodes)
    try container.encode(inputs, forKey: .inputs)
    try container.encode(parameters, forKey: .parameters)
    try container.encode(outputs, forKey: .outputs)
    try container.encode(updates, forKey: .updates)
  }
}

extension Node: Codable {
  private enum Key: String, CodingKey { case label, operation, attributes, inputs, outputs }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    label = try container.decode(String.self, forKey: .label)
    let name = try container.decode(String.self, forKey: .operation)
    guard let type = Catalogue.operation(named: name) else { throw GraphError.unknownOperation(name) }
    operation = try type.init(from: try container.superDecoder(forKey: .attributes))
    inputs = try container.decode([Value].self, forKey: .inputs)
    outputs = try container.decode([Value].self, forKey: .outputs)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(label, forKey: .label)
    let name = type(of: operation).name
    guard Catalogue.operation(named: name) == type(of: operation) else {
      throw GraphError.unregisteredOperation(name)
    }
    try container.encode(name, forKey: .operation)
    try operation.encode(to: container.superEncoder(forKey: .attributes))
    try container.encode(inputs, forKey: .inputs)
    try container.encode(outputs, forKey: .outputs)
  }
}
