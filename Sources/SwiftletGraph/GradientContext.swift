// GradientContext.swift: the context in which an operation emits its backward operations.

/// A node that is being differentiated.
public struct GradientContext {
  /// The node's label.
  public private(set) var label = ""
  /// The node's inputs and outputs, which backward operations may read.
  public private(set) var inputs: [Value] = [], outputs: [Value] = []
  /// The gradient of each output; `nil` where nothing that matters reads it.
  public private(set) var outputGradients: [Value?] = []
  var builder: GraphBuilder

  /// Starts to append to a graph.
  init(extending graph: Graph) { builder = GraphBuilder(extending: graph) }

  /// Goes on to a node.
  mutating func enter(_ node: Node, outputGradients: [Value?]) {
    label = node.label
    inputs = node.inputs
    outputs = node.outputs
    self.outputGradients = outputGradients
  }

  /// The type of an input.
  public func inputType(_ index: Int) -> TensorType { builder.type(of: inputs[index]) }

  /// The gradient of the first output.
  ///
  /// - Throws: ``GraphError/notDifferentiable(node:operation:)`` where it has none.
  public func outputGradient() throws -> Value {
    guard let gradient = outputGradients.first ?? nil else {
      throw GraphError.notDifferentiable(node: label, operation: "result without a gradient")
    }
    return gradient
  }

  /// Emits a backward operation, and gives its first output. Ones without a reader are removed later.
  ///
  /// - Throws: ``GraphError/invalidOperation(node:operation:reason:)``.
  public mutating func emit(_ operation: some GraphOperation, _ inputs: Value...) throws -> Value {
    let outputs = try emitAll(operation, inputs)
    return outputs[0]
  }

  /// Emits a backward operation, and gives all its outputs.
  ///
  /// - Throws: ``GraphError/invalidOperation(node:operation:reason:)``.
  public mutating func emitAll<O: GraphOperation>(_ operation: O, _ inputs: [Value]) throws -> [Value] {
    try builder.emit(operation, inputs, label: "gradient.\(label).\(O.name)")
  }
}
