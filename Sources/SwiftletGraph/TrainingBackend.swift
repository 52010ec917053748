// TrainingBackend.swift: the protocols of training engines, which run a step again and again and keep its updates.

/// Compiles graphs whose updates replace their parameters after each run: steps of training.
public protocol TrainingBackend: Backend {
  /// Binds starting values to a graph's parameters.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound, ``ParametersError`` where the values are not its.
  func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession
}

/// One step of training with all of its state. It is used from one thread at a time and is not shared.
public protocol TrainingSession: AnyObject {
  /// The graph of the step.
  var graph: Graph { get }
  /// Gives an input's floats, to be filled before ``run()``; they keep their values from run to run.
  func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows
  /// Runs the step once; afterwards the updated parameters have their new values.
  func run() throws
  /// Gives an output's floats after ``run()``.
  func withOutput<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result
  /// A copy of the current value of every parameter.
  func parameters() throws -> Parameters
  /// Bytes that the step holds: activations, gradients, parameters and state.
  var byteCount: Int { get }
  /// Nodes that the backend has no fast path for and runs by their definition, as labels with operations.
  var referenceOps: [String] { get }
}

extension TrainingSession {
  public var referenceOps: [String] { [] }
}

extension ReferenceBackend: TrainingBackend {
  package func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession {
    try ReferenceTrainingSession(graph, parameters)
  }
}

/// A step by every operation's definition: slow, and the oracle of fast ones.
private final class ReferenceTrainingSession: TrainingSession {
  let graph: Graph
  private var state: Parameters
  private var inputs: [[Float]]
  private var outputs: [[Float]]

  init(_ graph: Graph, _ parameters: Parameters) throws {
    _ = try ReferencePlan(graph, parameters: parameters)
    self.graph = graph
    state = parameters
    inputs = graph.inputs.map { [Float](repeating: 0, count: graph.type(of: $0.value).shape.count) }
    outputs = graph.outputs.map { [Float](repeating: 0, count: graph.type(of: $0.value).shape.count) }
  }

  func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    try inputs[index].withUnsafeMutableBufferPointer { try body($0) }
  }

  func run() throws {
    let plan = try ReferencePlan(graph, parameters: state)
    let values = zip(graph.inputs, inputs).map { port, floats in
      HostTensor(graph.type(of: port.value).shape, floats.map(Double.init))
    }
    let results = try plan.run(values)
    outputs = results.prefix(graph.outputs.count).map { $0.values.map { Float($0) } }
    for (port, result) in zip(graph.updates, results.dropFirst(graph.outputs.count)) {
      state[port.name] = try result.tensor()
    }
  }

  func withOutput<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try outputs[index].withUnsafeBufferPointer { try body($0) }
  }

  func parameters() throws -> Parameters { state }

  var byteCount: Int { (graph.types.reduce(0) { $0 + $1.shape.count }) * 8 }
}
