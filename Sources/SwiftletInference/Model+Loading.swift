// Model+Loading.swift: models from files: our own, which say all about themselves, and other libraries' weights.

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
  /// Keys of the metadata of our safetensors files.
  package enum MetadataKey {
    package static let architecture = "swiftlet.architecture"
    package static let preprocessing = "swiftlet.preprocessing"
    package static let labels = "swiftlet.labels"
  }

  /// Reads a model from a safetensors file: one of ours (``save(to:)``), or a state dict of torchvision or timm, which is
  /// recognized by the names and shapes of its tensors. (The Swiftlet product reads PyTorch checkpoints too.)
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - network: the network that it must be, by its name in the zoo; any if `nil`.
  ///   - options: what to change: the dialect where two libraries share names, the width, the resolution.
  /// - Throws: ``FormatError`` where the file is damaged, ``ModelError`` where its weights are of no network we know or
  ///   not of `network`, with the first names that disagree and both shapes.
  @_disfavoredOverload
  public init(
    contentsOf path: String, network: String? = nil, options: ZooOptions = ZooOptions()
  ) throws {
    self = try Self.model(WeightFile.readSafetensors(path), of: path, network: network, options: options)
  }

  /// The model of what was read from a file.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  package static func model(
    _ file: WeightFile.Contents, of path: String, network: String? = nil, options: ZooOptions = ZooOptions()
  ) throws -> Model {
    if let json = file.metadata[MetadataKey.architecture] {
      return try ours(path, json, file.tensors, file.metadata, network, options)
        .with(task: task(file.metadata, file: path))
    }
    return try Recognition(path, file.tensors).model(network, options)
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
    guard file.metadata[MetadataKey.architecture] != nil else {
      return try Recognition(path, file.tensors).model(as: architecture)
    }
    let stored = try model(file, of: path)
    do {
      return try Model(
        architecture, parameters: stored.parameters, preprocessing: stored.preprocessing,
        labels: stored.labels
      ).with(task: stored.task)
    } catch let error as ParametersError { throw ModelError.wrongWeights(file: path, error) }
  }

  /// Writes the whole model as one safetensors file: weights by our names, and in its metadata the architecture, the
  /// preprocessing and the labels as JSON. Nothing is left behind if it fails.
  ///
  /// - Throws: ``FormatError`` naming the file and the cause.
  public func save(to path: String) throws {
    try SafetensorsFile.write(
      parameters.all,
      metadata: [
        "format": "swiftlet", MetadataKey.architecture: try StableJSON.text(architecture),
        MetadataKey.preprocessing: try StableJSON.text(preprocessing),
        MetadataKey.labels: try StableJSON.text(labels),
      ].merging(taskMetadata) { $1 }, to: path)
  }

  /// The model of one of our files; `path` is what errors call it.
  package static func ours(
    _ path: String, _ json: String, _ tensors: NamedTensors, _ metadata: [String: String],
    _ network: String?, _ options: ZooOptions
  ) throws -> Model {
    func decode<Value: Decodable>(_ type: Value.Type, _ text: String, _ key: String) throws -> Value {
      do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
      } catch let error as ArchitectureError {
        throw ModelError.badMetadata(file: path, key: key, reason: "\(error)")
      } catch {
        throw ModelError.badMetadata(file: path, key: key, reason: "it is not the JSON that Swiftlet writes")
      }
    }
    var architecture = try decode(Architecture.self, json, MetadataKey.architecture)
    if let network, network != architecture.name {
      _ = try Zoo.entry(named: network)
      throw ModelError.otherNetwork(file: path, wanted: network, found: architecture.name)
    }
    if let resolution = options.resolution { architecture.resolution = resolution }
    let preprocessing = try metadata[MetadataKey.preprocessing].map {
      try decode(Preprocessing.self, $0, MetadataKey.preprocessing)
    }
    let labels = try metadata[MetadataKey.labels].map { try decode([String].self, $0, MetadataKey.labels) }
    var parameters = Parameters()
    for (name, tensor) in tensors { parameters[name] = tensor }
    do {
      return try Model(
        architecture, parameters: parameters, preprocessing: preprocessing, labels: labels)
    } catch let error as ParametersError {
      throw ModelError.wrongWeights(file: path, error)
    } catch let error as ArchitectureError {
      throw ModelError.badMetadata(file: path, key: MetadataKey.architecture, reason: "\(error)")
    } catch let error as GraphError {
      throw ModelError.badMetadata(file: path, key: MetadataKey.architecture, reason: "\(error)")
    }
  }
}

/// Why a file does not make a model.
public enum ModelError: Error, CustomStringConvertible {
  /// The weights are not the network's; the error lists the first names with both shapes.
  case wrongWeights(file: String, ParametersError)
  /// The file is a model of another network.
  case otherNetwork(file: String, wanted: String, found: String)
  /// The metadata of one of our files is damaged.
  case badMetadata(file: String, key: String, reason: String)
  /// A weight is larger than 16-bit floats are, or not a number.
  case beyondHalfPrecision(parameter: String)
  /// No library's names are known for the network.
  case noNames(file: String, network: String)

  public var description: String {
    switch self {
    case .wrongWeights(let file, let error): "\(file): \(error)"
    case .otherNetwork(let file, let wanted, let found): "\(file): holds \(found), not \(wanted)"
    case .badMetadata(let file, let key, let reason): "\(file): metadata '\(key)': \(reason)"
    case .beyondHalfPrecision(let parameter):
      "\(parameter) has weights beyond what half precision holds (±65504)"
    case .noNames(let file, let network):
      "\(file): no published names are known for \(network); it is read from Swiftlet's own files only"
    }
  }
}
