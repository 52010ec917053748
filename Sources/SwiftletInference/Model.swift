// Model.swift: a network with its weights, preprocessing, labels and task.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// A network, its weights, its preprocessing, and the names of its classes: one file's worth.
///
/// Preprocessing and labels are decided when a model is made, and stored with it.
public struct Model: Sendable {
  /// The network: an architecture, or a graph.
  public let definition: NetworkDefinition
  /// Its weights, by our names.
  public let parameters: Parameters
  /// The preprocessing of images.
  public let preprocessing: Preprocessing
  /// Names of the classes; empty where they have none.
  public let labels: [String]
  /// The task that it was trained for, which is the meaning of its outputs.
  public internal(set) var task = ModelTask.classification
  /// The last layers that its file lacked; `nil` where it has all.
  package internal(set) var missingHead: MissingHead?

  /// Creates a model from its parts.
  ///
  /// - Throws: ``ArchitectureError`` or ``GraphError`` where the network makes no sense, ``ParametersError`` where the weights
  ///   are not its, ``ModelError/unsuitableGraph(name:reason:)`` where a graph is no classifier of images.
  public init(
    _ definition: NetworkDefinition, parameters: Parameters, preprocessing: Preprocessing, labels: [String]
  ) throws {
    switch definition {
    case .architecture(let architecture):
      try parameters.check(against: try architecture.graph())
      self.definition = definition
    case .graph(let graph):
      let single = try Self.checked(graph)
      try parameters.check(against: single)
      self.definition = .graph(single)
    }
    self.parameters = parameters
    self.preprocessing = preprocessing.scaled(to: definition.resolution)
    self.labels = labels
  }

  /// Creates a model of an architecture.
  ///
  /// - Parameters:
  ///   - preprocessing: the usual one of the zoo's network of that name where it is `nil`, or of the architecture's dialect
  ///     (`Preprocessing.usual(for:)`).
  ///   - labels: those of the zoo's network of that name where it is `nil` and has as many classes.
  /// - Throws: ``ArchitectureError`` where the network makes no sense, ``ParametersError`` where the weights are not its.
  public init(
    _ architecture: Architecture, parameters: Parameters, preprocessing: Preprocessing? = nil,
    labels: [String]? = nil
  ) throws {
    let entry = try? Zoo.entry(named: architecture.name)
    try self.init(
      .architecture(architecture), parameters: parameters,
      preprocessing: preprocessing ?? .usual(for: architecture),
      labels: labels ?? entry?.images.labels(classes: architecture.classes) ?? [])
  }

  /// Creates a model of a graph in inference form, with an input `image` `[N, R, R, 3]` and an output `logits` `[N, classes]`.
  ///
  /// - Parameters:
  ///   - graph: built for any batch; the model keeps it for one image.
  ///   - parameters: its weights.
  ///   - preprocessing: the preprocessing of images.
  ///   - labels: names of the classes.
  /// - Throws: ``GraphError``, ``ParametersError`` where the weights are not its, ``ModelError/unsuitableGraph(name:reason:)``.
  public init(
    _ graph: Graph, parameters: Parameters, preprocessing: Preprocessing, labels: [String] = []
  ) throws {
    try self.init(.graph(graph), parameters: parameters, preprocessing: preprocessing, labels: labels)
  }

  /// The same network with other weights; preprocessing, labels and task are kept.
  ///
  /// - Throws: ``ParametersError`` where the weights are not the network's.
  public func with(_ parameters: Parameters) throws -> Model {
    try Model(definition, parameters: parameters, preprocessing: preprocessing, labels: labels)
      .with(task: task).with(missingHead: missingHead)
  }

  /// The network's name.
  public var name: String { definition.name }

  /// The architecture, where the network is one.
  public var architecture: Architecture? { definition.architecture }

  /// The number of classes.
  public var classes: Int { definition.classes }

  /// The label of a class, or its number where it has none.
  public func label(_ index: Int) -> String {
    labels.indices.contains(index) ? labels[index] : "class \(index)"
  }

  /// The network's input for an image: `[1, R, R, 3]`.
  ///
  /// - Throws: ``VisionError`` where the image cannot be prepared, ``ModelError/unsuitableGraph(name:reason:)`` where the network
  ///   takes no square images of three channels.
  public func input(_ image: RGBImage) throws -> Tensor {
    try checkTakesImages()
    return try preprocessing.input(image)
  }

  /// Throws unless preprocessing can make the network's input: square images of three channels.
  package func checkTakesImages() throws {
    guard case .graph(let graph) = definition,
      let input = graph.inputs.first.map({ graph.type(of: $0.value) })
    else { return }
    guard input.shape[1] == input.shape[2], input.shape[3] == 3 else {
      throw ModelError.unsuitableGraph(
        name: graph.name,
        reason: "it takes \(input.shape); images can be prepared for square inputs of 3 channels only")
    }
  }

  /// The graph for one image, if it can be a model's.
  private static func checked(_ graph: Graph) throws -> Graph {
    func refuse(_ reason: String) -> ModelError { .unsuitableGraph(name: graph.name, reason: reason) }
    guard let input = graph.inputs.first, graph.inputs.count == 1, input.name == "image" else {
      let names = graph.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
      throw refuse("a model has a single input 'image', the graph has \(names.isEmpty ? "none" : names)")
    }
    let type = graph.type(of: input.value)
    guard type.shape.rank == 4, type.scalarType == .float32 else {
      throw refuse("the input must be f32[N,H,W,C], got \(type)")
    }
    guard graph.updates.isEmpty else { throw refuse("it updates parameters: a model is in inference form") }
    let single = try graph.rebatched(to: 1)
    let logits = single.type(of: try single.output("logits").value)
    guard logits.shape.rank == 2, logits.shape[0] == 1, logits.scalarType == .float32 else {
      throw refuse("the output 'logits' must be f32[1,classes] for one image, got \(logits)")
    }
    return single
  }
}

extension Model {
  /// The model with the weights of its layers rounded to 16-bit floats, which files then take half the space for; norms and biases
  /// stay as they are. Networks compute with 32 bits all the same.
  ///
  /// - Throws: ``ModelError/beyondHalfPrecision(parameter:)`` where a weight is beyond the range of 16 bits.
  public func inHalfPrecision() throws -> Model {
    var parameters = self.parameters
    for spec in try definition.graph().parameters where spec.role.isLayerWeight && spec.accepts(.float16) {
      guard let tensor = parameters[spec.name] else { continue }
      let rounded = try tensor.roundedToHalf()
      guard rounded.floats().allSatisfy(\.isFinite) else {
        throw ModelError.beyondHalfPrecision(parameter: spec.name)
      }
      parameters[spec.name] = rounded
    }
    return try with(parameters)
  }
}
