// Model.swift: a network with its weights, and all that is needed to use them.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// A network, its weights, what it expects of a photograph, and what its classes are called: one file's worth.
public struct Model: Sendable {
  /// The network.
  public let architecture: Architecture
  /// Its weights, by our names.
  public let parameters: Parameters
  /// How a photograph becomes its input.
  public let preprocessing: Preprocessing
  /// Names of the classes; empty where nobody named them.
  public let labels: [String]
  /// What it was trained for: what its outputs mean.
  public internal(set) var task = ModelTask.classification

  /// Creates a model from its parts.
  ///
  /// - Parameters:
  ///   - preprocessing: the usual one of the network's dialect where it is `nil`.
  ///   - labels: those of ImageNet or CIFAR-10 where `nil` and the number of classes is theirs.
  /// - Throws: ``ArchitectureError`` where the network makes no sense, ``ParametersError`` where the weights are not its.
  public init(
    _ architecture: Architecture, parameters: Parameters, preprocessing: Preprocessing? = nil,
    labels: [String]? = nil
  ) throws {
    try parameters.check(against: try architecture.graph())
    self.architecture = architecture
    self.parameters = parameters
    self.preprocessing = (preprocessing ?? .usual(for: architecture)).scaled(to: architecture.resolution)
    self.labels =
      labels ?? Labels.usual(classes: architecture.classes, resolution: architecture.resolution)
  }

  /// The model with the weights of its layers rounded to 16-bit floats, which files then take half the space for; norms and biases
  /// stay as they are. Networks compute with 32 bits all the same.
  ///
  /// - Throws: ``ModelError/beyondHalfPrecision(parameter:)`` where a weight is beyond what 16 bits hold.
  public func inHalfPrecision() throws -> Model {
    var parameters = self.parameters
    for spec in try architecture.graph().parameters {
      guard spec.role.isLayerWeight, let tensor = parameters[spec.name] else { continue }
      let rounded = try tensor.roundedToHalf()
      guard rounded.floats().allSatisfy(\.isFinite) else {
        throw ModelError.beyondHalfPrecision(parameter: spec.name)
      }
      parameters[spec.name] = rounded
    }
    return try Model(
      architecture, parameters: parameters, preprocessing: preprocessing, labels: labels
    ).with(task: task)
  }

  /// The label of a class, or its number where it has none.
  public func label(_ index: Int) -> String {
    labels.indices.contains(index) ? labels[index] : "class \(index)"
  }
}

extension Preprocessing {
  /// What weights of an architecture's dialect usually expect.
  public static func usual(for architecture: Architecture) -> Preprocessing {
    let resolution = architecture.resolution
    if architecture.name.hasPrefix("cifar_") { return .cifar(resolution: resolution) }
    let source = WeightSource.preferred(for: architecture.name)
    if let source, source.dialect == architecture.dialect {
      return source.preprocessing.scaled(to: resolution)
    }
    switch architecture.dialect {
    case .torchvision: return .torchvision(resolution: resolution)
    case .timm where architecture.name == "mobilenet_v1":
      return .timm(resolution: resolution, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])
    case .timm, .legacy: return .timm(resolution: resolution)
    case .paper, .tensorflow:
      return architecture.conventions.padding == .same
        ? .tensorFlow(resolution: resolution) : .torchvision(resolution: resolution)
    }
  }
}
