// ArchitectureFile.swift: architectures as JSON files, so that a network can be changed without a program.

import SwiftletArchitectures
import SwiftletCore
import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Reads an architecture from JSON: the output of `inspect --stage architecture`, or a run's `config.json`.
package enum ArchitectureFile {
  /// The architecture of a file.
  ///
  /// - Throws: ``FormatError`` where the file cannot be read; ``TrainingError/badArchitectureFile(file:reason:)`` where it is no
  ///   architecture: a key is unknown or missing, a value has another type, or a number makes no sense.
  package static func read(_ path: String) throws -> Architecture {
    let file = try MappedFile(contentsOf: path)
    guard file.byteCount <= 4 << 20 else {
      throw TrainingError.badArchitectureFile(
        file: path, reason: "\(file.byteCount) bytes: more than any architecture has")
    }
    do {
      let tree = try JSONValue(parsing: file.storage.withUnsafeBytes { Data($0) })
      guard let members = tree.members else { throw Problem("it is not a JSON object") }
      let architecture = try Self.architecture(members["architecture"] ?? tree)
      try architecture.check()
      return architecture
    } catch let error as Problem {
      throw TrainingError.badArchitectureFile(file: path, reason: error.reason)
    } catch let error as DecodingError {
      throw TrainingError.badArchitectureFile(file: path, reason: reason(error))
    } catch let error as ArchitectureError {
      throw TrainingError.badArchitectureFile(file: path, reason: "\(error)")
    }
  }

  private struct Problem: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Decodes an architecture, and refuses keys that it does not have.
  static func architecture(_ tree: JSONValue) throws -> Architecture {
    let architecture = try tree.decoded(Architecture.self)
    let known = try JSONValue(encoding: architecture)
    if let (key, allowed) = tree.unknownKey(comparedWith: known, optional: ["taps"]) {
      let last = key.split(separator: ".").last.map(String.init) ?? key
      let hint = NearestName.of(last, in: allowed).map { "; did you mean '\($0)'?" }
      throw Problem("unknown key '\(key)'" + (hint ?? "; there are \(allowed.joined(separator: ", "))"))
    }
    return architecture
  }

  private static func reason(_ error: DecodingError) -> String {
    func name(_ path: [any CodingKey]) -> String {
      path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context): return "'\(name(context.codingPath + [key]))' is missing"
    case .valueNotFound(_, let context): return "'\(name(context.codingPath))' has no value"
    case .typeMismatch(let type, let context):
      return "'\(name(context.codingPath))' should be a \(type)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "it is not JSON"
    case .dataCorrupted(let context): return "'\(name(context.codingPath))': \(context.debugDescription)"
    @unknown default: return "it is not an architecture"
    }
  }
}
