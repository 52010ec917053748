// GraphError.swift: errors in a graph, or in its arguments.

/// Errors in a graph.
public enum GraphError: Error, Equatable, CustomStringConvertible {
  /// An operation refused its inputs; the reason names both shapes.
  case invalidOperation(node: String, operation: String, reason: String)
  /// The operation has no gradient (backward operations have none).
  case notDifferentiable(node: String, operation: String)
  /// A value is read before it is defined, defined twice, or unknown.
  case undefinedValue(node: String, value: Int)
  /// A value's shape has a negative dimension, or more elements than any value has.
  case badShape(value: Int, shape: Shape)
  /// The stored type of a value differs from the type that the operation infers.
  case wrongType(node: String, stored: String, inferred: String)
  /// A name that must be unique is not.
  case duplicateName(String)
  /// A graph has no output of that name.
  case unknownOutput(String, graph: String)
  /// A graph has no input of that name.
  case unknownInput(String, graph: String)
  /// An update is of a parameter that the graph does not have.
  case unknownParameter(String)
  /// A graph's classes cannot be changed: its logits do not come from a layer of their own.
  case noClassifier(graph: String, reason: String)
  /// A run was given the wrong inputs.
  case wrongInput(name: String, expected: String, got: String)
  /// A file names an operation that the catalogue does not hold.
  case unknownOperation(String)
  /// An operation from outside the package that was not registered: a file could not be read again.
  case unregisteredOperation(String)

  public var description: String {
    switch self {
    case .invalidOperation(let node, let operation, let reason): "\(node) (\(operation)): \(reason)"
    case .notDifferentiable(let node, let operation): "\(node) (\(operation)) has no gradient"
    case .undefinedValue(let node, let value):
      "\(node): value %\(value) is not defined exactly once before use"
    case .badShape(let value, let shape): "value %\(value): no value can have the shape \(shape)"
    case .wrongType(let node, let stored, let inferred):
      "\(node): a result is declared \(stored), but the operation gives \(inferred)"
    case .duplicateName(let name): "the name '\(name)' is used twice"
    case .unknownOutput(let name, let graph): "\(graph) has no output '\(name)'"
    case .unknownInput(let name, let graph): "\(graph) has no input '\(name)'"
    case .unknownParameter(let name): "the update '\(name)' is of no parameter of the graph"
    case .wrongInput(let name, let expected, let got): "input '\(name)' must be \(expected), got \(got)"
    case .noClassifier(let graph, let reason): "\(graph) has no classifier layer to replace: \(reason)"
    case .unknownOperation(let name): "unknown operation '\(name)'"
    case .unregisteredOperation(let name):
      "the operation '\(name)' is not registered, so a file with it could not be read; call Catalogue.register"
    }
  }
}

extension Graph {
  /// The output of a name.
  ///
  /// - Throws: ``GraphError/unknownOutput(_:graph:)``.
  public func output(_ name: String) throws -> GraphPort {
    guard let port = outputs.first(where: { $0.name == name }) else {
      throw GraphError.unknownOutput(name, graph: self.name)
    }
    return port
  }

  /// The same with only those outputs, in that order; nothing is removed.
  ///
  /// - Throws: ``GraphError/unknownOutput(_:graph:)``.
  package func withOutputs(_ names: [String]) throws -> Graph {
    var graph = self
    graph.outputs = try names.map(output)
    return graph
  }
}
