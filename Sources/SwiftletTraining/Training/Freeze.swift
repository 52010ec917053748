// Freeze.swift: the part of a network that is not trained.

import SwiftletArchitectures

/// The frozen part of a network, weights and statistics of its norms: for fine-tuning on few images.
public enum Freeze: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Nothing.
  case none
  /// Everything but the classifier.
  case backbone
  /// The stem and the first stages.
  case stages(Int)

  /// Reads `none`, `backbone` or `stages:N`.
  ///
  /// - Throws: ``TrainingError/badFreeze(_:)``.
  public init(_ text: String) throws {
    switch text {
    case "none": self = .none
    case "backbone": self = .backbone
    default:
      guard text.hasPrefix("stages:"), let count = Int(text.dropFirst(7)), count >= 0 else {
        throw TrainingError.badFreeze("freeze takes none, backbone or stages:N, got '\(text)'")
      }
      self = .stages(count)
    }
  }

  public var description: String {
    switch self {
    case .none: "none"
    case .backbone: "backbone"
    case .stages(let count): "stages:\(count)"
    }
  }

  /// The paths of the frozen part.
  ///
  /// - Throws: ``TrainingError/badFreeze(_:)`` where the network does not have so many stages.
  func paths(in network: NetworkDefinition) throws -> [String] {
    if self == .none { return [] }
    guard let architecture = network.architecture else {
      guard self == .backbone else {
        throw TrainingError.badFreeze("\(network.name) is a graph; it has no stages to freeze")
      }
      let graph = try network.graph()
      let head = Set(try graph.classifierLayer().parameterNames)
      return graph.parameters.map(\.name).filter { !head.contains($0) }
        + graph.nodes.filter { $0.operation is BatchNorm }.map(\.label)
    }
    switch self {
    case .none: return []
    case .backbone: return ["stem", "stages"] + type(of: architecture.head).backbonePaths
    case .stages(let count):
      guard count <= architecture.stages.count else {
        throw TrainingError.badFreeze(
          "\(architecture.name) has \(architecture.stages.count) stages; \(count) cannot be frozen")
      }
      return ["stem"] + (0..<max(count, 0)).map { "stages.\($0)" }
    }
  }

  /// Whether a name is one of the paths or below it.
  static func covers(_ paths: [String], _ name: String) -> Bool {
    paths.contains { name == $0 || name.hasPrefix($0 + ".") }
  }
}
