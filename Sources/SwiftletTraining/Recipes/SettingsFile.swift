// SettingsFile.swift: JSON files that people write: their tree, unknown keys, and errors in one line.

import SwiftletCore
import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A recipe's or an architecture's file.
enum SettingsFile {
  /// An error in such a file; the caller adds its name.
  struct Problem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// The JSON of a file, which is an object.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - what: the noun of its contents.
  /// - Throws: ``FormatError`` where it cannot be read, ``Problem``, `DecodingError`.
  static func tree(_ path: String, what: String) throws -> JSONValue {
    let file = try MappedFile(contentsOf: path)
    guard file.byteCount <= 4 << 20 else {
      throw Problem("\(file.byteCount) bytes: more than any \(what) has")
    }
    let tree = try JSONValue(parsing: file.storage.withUnsafeBytes { Data($0) })
    guard tree.members != nil else { throw Problem("it is not a JSON object") }
    return tree
  }

  /// Refuses keys that were not read, with the nearest one where one is near.
  ///
  /// - Parameters:
  ///   - tree: the JSON.
  ///   - value: the value that was decoded from it.
  ///   - optional: keys of the outermost object that an encoding may lack.
  ///   - path: the path of the tree in its file, with a dot.
  /// - Throws: ``Problem``.
  static func refuseUnknownKeys(
    in tree: JSONValue, decodedAs value: some Encodable, optional: Set<String>, path: String = ""
  ) throws {
    let known = try JSONValue(encoding: value)
    guard let (key, allowed) = tree.unknownKey(comparedWith: known, optional: optional) else { return }
    let last = key.split(separator: ".").last.map(String.init) ?? key
    let hint = NearestName.of(last, in: allowed).map { "; did you mean '\($0)'?" }
    throw Problem("unknown key '\(path)\(key)'" + (hint ?? "; there are \(allowed.joined(separator: ", "))"))
  }

  /// An error in one line: the field and the expected type.
  ///
  /// - Parameters:
  ///   - what: what the file should be: `a recipe`.
  ///   - choices: the forms of values that are written by the name of a case, by their key.
  static func reason(_ error: any Error, what: String, choices: [String: String] = [:]) -> String {
    func name(_ path: [any CodingKey], _ last: (any CodingKey)? = nil) -> String {
      (path + [last].compactMap { $0 }).map { $0.intValue.map(String.init) ?? $0.stringValue }
        .joined(separator: ".")
    }
    func choice(_ path: [any CodingKey]) -> String? {
      path.reversed().lazy.compactMap { choices[$0.stringValue] }.first
    }
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .typeMismatch(_, let context) where context.codingPath.isEmpty: return "it is not a JSON object"
    case .keyNotFound(let key, let context): return "'\(name(context.codingPath, key))' is missing"
    case .valueNotFound(_, let context): return "'\(name(context.codingPath))' has no value"
    case .typeMismatch(let type, let context):
      let wanted = choice(context.codingPath) ?? "a \(type)"
      return "'\(name(context.codingPath))' should be \(wanted)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "it is not JSON"
    case .dataCorrupted(let context):
      let wanted = choice(context.codingPath).map { "; it should be \($0)" } ?? ""
      return "'\(name(context.codingPath))': \(context.debugDescription)\(wanted)"
    @unknown default: return "it is not \(what)"
    }
  }
}
