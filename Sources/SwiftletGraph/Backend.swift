// Backend.swift: the protocols of engines: from a graph with weights to a plan that runs.

/// Compiles graphs. The reference backend is the oracle; a fast one lowers the nodes that it has kernels for.
public protocol Backend: Sendable {
  /// Binds weights to a graph and decides everything that can be decided before the first run.
  ///
  /// - Throws: ``ParametersError`` where the weights are not the graph's.
  func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan
}

/// A compiled graph: immutable, shared between threads, specific to the machine and never saved.
public protocol Plan: Sendable {
  /// The graph that was compiled.
  var graph: Graph { get }
  /// A new session; each thread needs its own.
  func makeSession() -> any Session & ~Copyable
}

/// The memory of one run at a time.
public protocol Session: ~Copyable {
  /// Runs the graph once.
  ///
  /// - Parameter inputs: one tensor for each of ``Graph/inputs``, in order.
  /// - Returns: one tensor for each of ``Graph/outputs``, then one for each of ``Graph/updates``.
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``.
  mutating func run(_ inputs: [Tensor]) throws -> [Tensor]
}

extension Graph {
  /// Throws unless `inputs` are one for each input, of its type.
  public func check(_ inputs: [Tensor]) throws {
    guard inputs.count == self.inputs.count else {
      throw GraphError.wrongInput(
        name: name, expected: "\(self.inputs.count) tensors", got: "\(inputs.count)")
    }
    for (port, tensor) in zip(self.inputs, inputs) {
      let (expected, found) = (type(of: port.value), TensorType(tensor.shape, tensor.scalarType))
      guard found.shape == expected.shape else {
        throw GraphError.wrongInput(
          name: port.name, expected: expected.shape.description, got: found.shape.description)
      }
      guard found.scalarType == expected.scalarType else {
        throw GraphError.wrongInput(name: port.name, expected: "\(expected)", got: "\(found)")
      }
    }
  }
}
