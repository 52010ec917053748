// ArchitectureFile.swift: architectures as JSON files, so that a network can be changed without a program.

import SwiftletArchitectures
import SwiftletCore
import SwiftletFormats

/// Reads an architecture from JSON: the output of `inspect --stage architecture`, or a run's `config.json`.
package enum ArchitectureFile {
  /// The architecture of a file.
  ///
  /// - Throws: ``FormatError`` where the file cannot be read; ``TrainingError/badArchitectureFile(file:reason:)`` where it is no
  ///   architecture: a key is unknown or missing, a value has another type, or a number makes no sense.
  package static func read(_ path: String) throws -> Architecture {
    do {
      let tree = try SettingsFile.tree(path, what: "architecture")
      let architecture = try Self.architecture(tree.members?["architecture"] ?? tree)
      try architecture.check()
      return architecture
    } catch let error as FormatError {
      throw error
    } catch {
      throw TrainingError.badArchitectureFile(
        file: path, reason: SettingsFile.reason(error, what: "an architecture"))
    }
  }

  /// Decodes an architecture, and refuses keys that it does not have.
  static func architecture(_ tree: JSONValue) throws -> Architecture {
    let architecture = try tree.decoded(Architecture.self)
    try SettingsFile.refuseUnknownKeys(in: tree, decodedAs: architecture, optional: ["taps"])
    return architecture
  }
}
