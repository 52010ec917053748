// Model+Loading.swift: models from files: our own, which are self-describing, and other libraries' weights.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Model {
  /// Keys of the metadata of our safetensors files. A file has either an architecture or a graph.
  package enum MetadataKey {
    package static let architecture = "swiftlet.architecture"
    package static let graph = "swiftlet.graph"
    package static let preprocessing = "swiftlet.preprocessing"
    package static let labels = "swiftlet.labels"
  }

  /// Reads a model from a safetensors file: one of ours (``save(to:)``), or a state dict of torchvision or timm, which is
  /// recognized by the names and shapes of its tensors. (The Swiftlet product reads PyTorch checkpoints too.)
  ///
  /// A file whose network holds blocks or operations from outside the package needs them registered
  /// (`BlockCatalogue/register(_:)`, `Catalogue/register(_:)`).
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - network: the network that it must be, by its name; any if `nil`.
  ///   - options: the dialect where two libraries share names, and the resolution. Width and classes are those of the file;
  ///     others are an error.
  ///   - onNote: is given a line for each choice that was made and for tensors that are not read.
  /// - Throws: ``FormatError`` where the file is damaged, ``ModelError`` where its weights are of no network of the zoo or
  ///   not of `network`, with the first names that disagree and both shapes.
  @_disfavoredOverload
  public init(
    contentsOf path: String, network: String? = nil, options: ZooOptions = ZooOptions(),
    onNote: (String) -> Void = { _ in }
  ) throws {
    self = try Self.model(
      WeightFile.readSafetensors(path), of: path, network: network, options: options, onNote: onNote)
  }

  /// The model of a weight file's contents.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  package static func model(
    _ file: WeightFile.Contents, of path: String, network: String? = nil, options: ZooOptions = ZooOptions(),
    stateDict: String? = nil, onNote: (String) -> Void = { _ in }
  ) throws -> Model {
    if let model = try ours(path, file.tensors, file.metadata, network, options) { return model }
    let (model, notes) = try Recognition(path, file.tensors, stateDict: stateDict).model(network, options)
    for note in [file.note].compactMap({ $0 }) + notes { onNote(note) }
    return model
  }

  /// Reads weights for an architecture of your own choice from a safetensors file of ours or of a library.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  @_disfavoredOverload
  public init(_ architecture: Architecture, weights path: String) throws {
    self = try Self.model(architecture, weights: WeightFile.readSafetensors(path), of: path)
  }

  /// The weights that were read from a file, for an architecture.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  package static func model(
    _ architecture: Architecture, weights file: WeightFile.Contents, of path: String
  ) throws -> Model {
    guard let stored = try ours(path, file.tensors, file.metadata, nil, ZooOptions()) else {
      return try Recognition(path, file.tensors).model(as: architecture)
    }
    do {
      return try Model(
        architecture, parameters: stored.parameters, preprocessing: stored.preprocessing,
        labels: stored.labels
      ).with(task: stored.task)
    } catch let error as ParametersError { throw ModelError.wrongWeights(file: path, error) }
  }

  /// Writes the whole model as one safetensors file: weights by our names, and in its metadata the architecture or the graph, the
  /// preprocessing and the labels as JSON. Nothing is left behind if it fails.
  ///
  /// - Throws: ``FormatError`` naming the file and the cause, ``ArchitectureError/unregisteredBlock(_:)`` or
  ///   ``GraphError/unregisteredOperation(_:)`` where the file could not be read again.
  public func save(to path: String) throws {
    var metadata = [
      "format": "swiftlet", MetadataKey.preprocessing: try StableJSON.text(preprocessing),
      MetadataKey.labels: try StableJSON.text(labels),
    ]
    switch definition {
    case .architecture(let architecture):
      metadata[MetadataKey.architecture] = try StableJSON.text(architecture)
    case .graph(let graph): metadata[MetadataKey.graph] = try StableJSON.text(graph)
    }
    if let missingHead { metadata[Self.missingKey] = try StableJSON.text(missingHead) }
    try SafetensorsFile.write(
      parameters.all.filter { has($0.name) }, metadata: metadata.merging(taskMetadata) { $1 }, to: path)
  }

  /// The model of one of our files; `nil` where the metadata has no network. `path` is the file's name in errors.
  package static func ours(
    _ path: String, _ tensors: NamedTensors, _ metadata: [String: String], _ network: String?,
    _ options: ZooOptions
  ) throws -> Model? {
    guard let key = [MetadataKey.architecture, MetadataKey.graph].first(where: { metadata[$0] != nil }) else {
      return nil
    }
    func decode<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value? {
      guard let text = metadata[key] else { return nil }
      do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
      } catch {
        let isOurs = error is ArchitectureError || error is GraphError
        throw ModelError.badMetadata(
          file: path, key: key, reason: isOurs ? "\(error)" : "it is not the JSON that Swiftlet writes")
      }
    }
    let definition: NetworkDefinition
    if var architecture = try decode(Architecture.self, MetadataKey.architecture) {
      if let resolution = options.resolution { architecture.resolution = resolution }
      // A row of a table can be up to a thousand blocks, each with weights; nothing is built for weights that are not there.
      guard architecture.blockCount <= 2 * tensors.count + 16 else {
        throw ModelError.badMetadata(
          file: path, key: key,
          reason: "it has \(architecture.blockCount) blocks, the file only \(tensors.count) tensors")
      }
      definition = .architecture(architecture)
    } else if let graph = try decode(Graph.self, MetadataKey.graph) {
      definition = .graph(graph)
      if let resolution = options.resolution, resolution != definition.resolution {
        throw ModelError.fixedResolution(file: path, resolution: definition.resolution)
      }
    } else {
      return nil
    }
    if let network, network != definition.name {
      if definition.architecture != nil { _ = try Zoo.entry(named: network) }
      throw ModelError.otherNetwork(file: path, wanted: network, found: definition.name)
    }
    try checkAgreement(path, definition, options)
    let preprocessing = try decode(Preprocessing.self, MetadataKey.preprocessing)
    let labels = try decode([String].self, MetadataKey.labels)
    let task = try task(metadata, file: path)
    var parameters = Parameters()
    for (name, tensor) in tensors { parameters[name] = tensor }
    let missing = try decode(MissingHead.self, missingKey)
    do {
      if let missing {
        for spec in try definition.graph().parameters
        where missing.parameters.contains(spec.name) && parameters[spec.name] == nil {
          parameters[spec.name] = try spec.initialTensor(seed: 1)
        }
      }
      switch definition {
      case .architecture(let architecture):
        return try Model(
          architecture, parameters: parameters, preprocessing: preprocessing, labels: labels
        ).with(task: task).with(missingHead: missing)
      case .graph(let graph):
        guard let preprocessing else {
          throw ModelError.badMetadata(file: path, key: MetadataKey.preprocessing, reason: "it is missing")
        }
        return try Model(graph, parameters: parameters, preprocessing: preprocessing, labels: labels ?? [])
          .with(task: task).with(missingHead: missing)
      }
    } catch let error as ParametersError {
      throw ModelError.wrongWeights(file: path, error)
    } catch let error as ArchitectureError {
      throw ModelError.badMetadata(file: path, key: key, reason: "\(error)")
    } catch let error as GraphError {
      throw ModelError.badMetadata(file: path, key: key, reason: "\(error)")
    } catch ModelError.unsuitableGraph(_, let reason) {
      throw ModelError.badMetadata(file: path, key: key, reason: reason)
    }
  }
}

extension Model {
  /// Throws where an option states something else about a network than its file: only the resolution can be changed.
  ///
  /// - Throws: ``ModelError/disagreement(file:what:found:wanted:)``.
  static func checkAgreement(_ path: String, _ definition: NetworkDefinition, _ options: ZooOptions) throws {
    func check<Value: Equatable>(_ what: String, _ wanted: Value?, _ found: Value?) throws {
      guard let wanted, wanted != found else { return }
      throw ModelError.disagreement(
        file: path, what: what, found: found.map { "\($0)" } ?? "not known: its network is a graph",
        wanted: "\(wanted)")
    }
    try check("width", options.width?.shortText, definition.architecture?.width.shortText)
    try check("classes", options.classes, definition.classes)
    try check("dialect", options.dialect?.rawValue, definition.architecture?.dialect.rawValue)
  }
}

extension Double {
  /// Without a fraction of zero: 1, 0.75.
  var shortText: String { self == rounded() && abs(self) < 1e9 ? "\(Int(self))" : "\(self)" }
}

/// Why a file or a graph does not make a model.
public enum ModelError: Error, CustomStringConvertible {
  /// The weights are not the network's; the error lists the first names with both shapes.
  case wrongWeights(file: String, ParametersError)
  /// The file is a model of another network.
  case otherNetwork(file: String, wanted: String, found: String)
  /// The weights are another network's than the named one's; the error lists the first names with both shapes.
  case wrongNetwork(file: String, found: String, ParametersError)
  /// The weights are of no network that is known; `contents` says what the file holds.
  case unknownWeights(file: String, contents: String)
  /// An option states something else than the file.
  case disagreement(file: String, what: String, found: String, wanted: String)
  /// The file lacked the last layer: the model gives features, and classifies nothing.
  case noClassifier(description: String)
  /// The metadata of one of our files is damaged.
  case badMetadata(file: String, key: String, reason: String)
  /// The file's network is a graph, whose resolution cannot be changed.
  case fixedResolution(file: String, resolution: Int)
  /// A graph that is no classifier of images.
  case unsuitableGraph(name: String, reason: String)
  /// A weight is larger than 16-bit floats are, or not a number.
  case beyondHalfPrecision(parameter: String)
  /// No library's names are known for the network.
  case noNames(file: String, network: String)

  public var description: String {
    switch self {
    case .wrongWeights(let file, let error): "\(file): \(error)"
    case .otherNetwork(let file, let wanted, let found): "\(file): holds \(found), not \(wanted)"
    case .wrongNetwork(let file, let found, let error): "\(file): holds \(found); \(error)"
    case .unknownWeights(let file, let contents):
      "\(file): no known network has these tensors: \(contents)"
    case .disagreement(let file, let what, let found, let wanted):
      "\(file): the file's \(what) is \(found), not \(wanted): leave out --\(what), or name another file"
    case .noClassifier(let description):
      "\(description); 'embed' and 'train --from' work without it"
    case .badMetadata(let file, let key, let reason): "\(file): metadata '\(key)': \(reason)"
    case .fixedResolution(let file, let resolution):
      "\(file): its network is a graph for \(resolution)×\(resolution) pixels; the resolution cannot be changed"
    case .unsuitableGraph(let name, let reason): "\(name): \(reason)"
    case .beyondHalfPrecision(let parameter):
      "\(parameter) has weights beyond what half precision holds (±65504)"
    case .noNames(let file, let network):
      "\(file): no published names are known for \(network); it is read from Swiftlet's own files only"
    }
  }
}
