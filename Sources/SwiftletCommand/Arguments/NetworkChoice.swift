// NetworkChoice.swift: the argument of commands about networks: a name of the zoo, or a model's file.

import SwiftletModules

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A network, with weights where it comes from a file.
struct NetworkChoice {
  /// The network.
  let definition: NetworkDefinition
  /// The file's weights.
  let parameters: Parameters?

  /// Reads `text` as a file where it is one, or looks like a path; as a name of the zoo otherwise.
  ///
  /// - Parameter stateDict: the key of the wanted weights where the file has several sets.
  /// - Throws: an error in the name or the file.
  init(_ text: String, _ options: ZooOptions, stateDict: String? = nil) throws {
    if text.hasSuffix(".json") {
      definition = .architecture(try Self.architecture(file: text, options))
      parameters = nil
    } else if Self.isFile(text) {
      let model = try ModelChoice.read(text, options: options, stateDict: stateDict)
      (definition, parameters) = (model.definition, model.parameters)
    } else {
      (definition, parameters) = (.architecture(try Zoo.architecture(text, options)), nil)
    }
  }

  /// The architecture of a .json file, with options applied.
  ///
  /// - Throws: ``UsageError`` for another dialect, which would be another table; an error in the file.
  static func architecture(file: String, _ options: ZooOptions) throws -> Architecture {
    var architecture = try ArchitectureFile.read(file)
    if let dialect = options.dialect, dialect != architecture.dialect {
      throw UsageError("\(file): is of the dialect \(architecture.dialect.rawValue), not \(dialect.rawValue)")
    }
    architecture.width = options.width ?? architecture.width
    architecture.resolution = options.resolution ?? architecture.resolution
    architecture.classes = options.classes ?? architecture.classes
    try architecture.check()
    return architecture
  }

  private static func isFile(_ text: String) -> Bool {
    looksLikePath(text) || FileManager.default.fileExists(atPath: text)
  }

  /// Whether a word is a path by its form: it has a slash, or the ending of a weight file.
  static func looksLikePath(_ text: String) -> Bool {
    let endings = [".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar", ".pkl"]
    return text.contains("/") || endings.contains(where: text.lowercased().hasSuffix)
  }
}
