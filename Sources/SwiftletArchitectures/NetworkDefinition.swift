// NetworkDefinition.swift: the network of a model: the paper's table, or a graph from elsewhere.

/// A network without its weights: an architecture, or a graph.
///
/// A graph has an input `image` `[N, H, W, C]` and outputs by name; a classifier's is `logits` `[N, classes]`.
public enum NetworkDefinition: Sendable, Hashable {
  /// A table with conventions.
  case architecture(Architecture)
  /// A graph in inference form, built for any batch.
  case graph(Graph)

  /// The network's name.
  public var name: String {
    switch self {
    case .architecture(let architecture): architecture.name
    case .graph(let graph): graph.name
    }
  }

  /// The architecture, where it is one.
  public var architecture: Architecture? {
    if case .architecture(let architecture) = self { architecture } else { nil }
  }

  /// A classifier's classes: numbers in the last dimension of `logits`, or of the first output where none has that name.
  public var classes: Int {
    switch self {
    case .architecture(let architecture): return architecture.classes
    case .graph(let graph):
      let logits = graph.outputs.first { $0.name == "logits" } ?? graph.outputs.first
      return logits.map { graph.type(of: $0.value).shape }.flatMap(\.dimensions.last) ?? 0
    }
  }

  /// The same network for another number of classes.
  ///
  /// - Throws: ``ArchitectureError`` or ``GraphError`` where it cannot have so many.
  public func with(classes: Int) throws -> NetworkDefinition {
    switch self {
    case .architecture(let architecture):
      let other = architecture.with(classes: classes)
      try other.check()
      return .architecture(other)
    case .graph(let graph): return .graph(try graph.with(classes: classes))
    }
  }

  /// The same network for images of another size, with the same weights.
  ///
  /// - Throws: ``ArchitectureError`` where it takes no such images; also where it is a graph, which has one size.
  public func with(resolution: Int) throws -> NetworkDefinition {
    guard resolution != self.resolution else { return self }
    guard case .architecture(let architecture) = self else {
      throw ArchitectureError.fixedResolution(network: name, resolution: self.resolution)
    }
    let other = architecture.with(resolution: resolution)
    try other.check()
    return .architecture(other)
  }

  /// Height of the input in pixels.
  public var resolution: Int {
    switch self {
    case .architecture(let architecture): return architecture.resolution
    case .graph(let graph):
      let image = graph.inputs.lazy.map { graph.type(of: $0.value).shape }.first { $0.rank == 4 }
      return image?[1] ?? 0
    }
  }

  /// The network's graph for a batch, in inference or training form.
  ///
  /// - Throws: ``ArchitectureError`` or ``GraphError`` where there is no such form.
  public func graph(
    batch: Int = 1, mode: Mode = .inference, regularization: Regularization = Regularization()
  ) throws -> Graph {
    switch self {
    case .architecture(let architecture):
      return try architecture.graph(batch: batch, mode: mode, regularization: regularization)
    case .graph(let graph):
      let rebatched = try graph.rebatched(to: batch)
      guard mode == .training else { return rebatched }
      return try rebatched.trainingForm { regularization.freezes($0) }
    }
  }
}

extension NetworkDefinition: Codable {
  private enum Key: String, CodingKey { case architecture, graph }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    if container.contains(.graph) {
      self = .graph(try container.decode(Graph.self, forKey: .graph))
    } else {
      self = .architecture(try container.decode(Architecture.self, forKey: .architecture))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .architecture(let architecture): try container.encode(architecture, forKey: .architecture)
    case .graph(let graph): try container.encode(graph, forKey: .graph)
    }
  }
}
