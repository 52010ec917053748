// Parameters.swift: the weights of a network, by name.

/// Named tensors, in order, which are bound to a graph's ``ParameterSpec``s.
public struct Parameters: Sendable {
  /// The names, in order.
  public private(set) var names: [String] = []
  private var tensors: [String: Tensor] = [:]

  /// Creates an empty set.
  public init() {}

  /// The tensor of a name; setting `nil` removes it.
  public subscript(name: String) -> Tensor? {
    get { tensors[name] }
    set {
      if tensors[name] == nil, newValue != nil { names.append(name) }
      if newValue == nil { names.removeAll { $0 == name } }
      tensors[name] = newValue
    }
  }

  /// The tensors with their names, in order.
  public var all: [(name: String, tensor: Tensor)] {
    names.compactMap { name in tensors[name].map { (name, $0) } }
  }

  /// Seeded starting values for each parameter of a graph: the same for the same seed, on any machine.
  ///
  /// - Throws: never in practice: each value has its spec's count.
  public init(initializing graph: Graph, seed: UInt64) throws {
    for spec in graph.parameters { self[spec.name] = try spec.initialTensor(seed: seed) }
  }

  /// Checks that every parameter of the graph is here with its shape, in an element type that it accepts
  /// (``ParameterSpec/accepts(_:)``).
  ///
  /// - Throws: ``ParametersError`` with the first names that are missing or differ, and both shapes.
  public func check(against graph: Graph) throws {
    let problems = graph.parameters.compactMap { spec -> ParametersError.Problem? in
      guard let found = self[spec.name] else {
        return .init(name: spec.name, expected: spec.shape, found: nil)
      }
      guard found.shape == spec.shape else {
        return .init(name: spec.name, expected: spec.shape, found: found.shape)
      }
      return spec.accepts(found.scalarType)
        ? nil
        : .init(
          name: spec.name, expected: spec.shape, found: found.shape,
          types: .init(expected: spec.scalarType, found: found.scalarType))
    }
    if !problems.isEmpty { throw ParametersError(network: graph.name, problems: problems) }
  }
}

/// Weights that do not belong to the network.
public struct ParametersError: Error, Equatable, CustomStringConvertible {
  /// A parameter that is missing (`found` is `nil`), is not the network's (`expected` is `nil`) or has another shape.
  public struct Problem: Sendable, Equatable {
    /// The parameter's name, in this project or in the file.
    public let name: String
    /// The shape that the network needs, and the shape that was there.
    public let expected: Shape?, found: Shape?
    /// The element types, where the shapes agree and they do not.
    public let types: Types?

    /// Element types that do not agree.
    public struct Types: Sendable, Equatable {
      let expected: ScalarType, found: ScalarType
    }

    /// Creates a problem.
    public init(name: String, expected: Shape?, found: Shape?, types: Types? = nil) {
      self.name = name
      self.expected = expected
      self.found = found
      self.types = types
    }
  }

  /// The network that the weights are for.
  public let network: String
  /// Every disagreement, in the network's order.
  public let problems: [Problem]

  /// Creates an error.
  public init(network: String, problems: [Problem]) {
    self.network = network
    self.problems = problems
  }

  /// One line: the number of disagreements and the first three, with both shapes.
  public var description: String {
    let first = problems.prefix(3).map { problem -> String in
      guard let expected = problem.expected else { return "\(problem.name): not a parameter of the network" }
      if let types = problem.types {
        return "\(problem.name): needs \(types.expected.shortName), found \(types.found.shortName)"
      }
      return problem.found.map { "\(problem.name): needs \(expected), found \($0)" }
        ?? "\(problem.name): missing (needs \(expected))"
    }
    let rest = problems.count > 3 ? "; and \(problems.count - 3) more" : ""
    return "the weights are not those of \(network): \(first.joined(separator: "; "))\(rest)"
  }
}
