// Embedder.swift: photographs as feature vectors.

/// A model without its classifier, compiled once. It may be used from many threads at a time.
public struct Embedder: Sendable {
  /// The model.
  public let model: Model
  /// Numbers in a vector.
  public let count: Int
  private let sessions: SessionPool

  /// Compiles a model.
  ///
  /// - Parameters:
  ///   - model: the network with its weights.
  ///   - threads: of each photograph; those of the processor if `nil`.
  /// - Throws: ``GraphError`` or ``ParametersError`` where the model is unsound, ``ClassifierError`` where it is too large,
  ///   ``EnvironmentError``, ``Tuning/DamagedFile``.
  public init(_ model: Model, threads: Int? = nil) throws {
    let unfolded = try model.architecture.graph()
    let needed = unfolded.peakActivationBytes
    guard needed <= Classifier.mostActivationBytes else {
      throw ClassifierError.tooLarge(network: model.architecture.name, bytes: needed)
    }
    let (graph, parameters) = try unfolded.applying([FoldBatchNorm()], to: model.parameters)
    // The classifier is the last layer of every network.
    guard let logits = graph.outputs.first?.value,
      let layer = graph.nodes.first(where: { $0.outputs.contains(logits) })
    else { throw GraphError.undefinedValue(node: "logits", value: -1) }
    var builder = GraphBuilder(extending: graph)
    builder.output("features", layer.inputs[0])
    count = graph.type(of: layer.inputs[0]).shape.count
    var backend = CPUBackend(
      threads: threads ?? Processor.count, instructionSet: try InstructionSet.chosen())
    backend.selection = try Tuning.selection()
    sessions = SessionPool(try backend.plan(try builder.finish(), parameters: parameters))
    self.model = model
  }

  /// The vector of a photograph: what the classifier would see.
  ///
  /// - Throws: ``VisionError`` where the photograph cannot be prepared, ``ClassifierError`` where the weights give something that is
  ///   not a number.
  public func callAsFunction(_ image: Image) throws -> [Float] {
    let features = try sessions.run([try model.preprocessing.input(image)])[1].floats()
    guard features.allSatisfy({ $0.isFinite }) else {
      throw ClassifierError.notANumber(network: model.architecture.name)
    }
    return features
  }
}
