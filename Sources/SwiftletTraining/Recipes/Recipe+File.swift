// Recipe+File.swift: recipes as files, so that a run can be changed in a number, or made again.

import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Recipe {
  /// The members of a run's `config.json` that are read here.
  private struct Configuration: Decodable {
    var recipe: Recipe?
  }

  /// The recipe of a JSON file: a recipe with all its fields, or the `config.json` of a run.
  ///
  /// - Throws: ``FormatError`` where the file cannot be read, ``TrainingError/badRecipeFile(file:reason:)`` where it is not a recipe.
  public init(contentsOf path: String) throws {
    let file = try MappedFile(contentsOf: path)
    guard file.byteCount <= 1 << 20 else {
      throw TrainingError.badRecipeFile(
        file: path, reason: "\(file.byteCount) bytes: more than any recipe has")
    }
    let data = file.storage.withUnsafeBytes { Data($0) }
    do {
      if let recipe = try JSONDecoder().decode(Configuration.self, from: data).recipe {
        self = recipe
      } else {
        self = try JSONDecoder().decode(Recipe.self, from: data)
      }
    } catch {
      throw TrainingError.badRecipeFile(file: path, reason: Self.reason(error))
    }
  }

  /// A decoding error in one line: the field and the expected type.
  private static func reason(_ error: any Error) -> String {
    func name(_ path: [any CodingKey], _ last: (any CodingKey)? = nil) -> String {
      (path + [last].compactMap { $0 }).map(\.stringValue).joined(separator: ".")
    }
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .typeMismatch(_, let context) where context.codingPath.isEmpty: return "it is not a JSON object"
    case .keyNotFound(let key, let context): return "'\(name(context.codingPath, key))' is missing"
    case .valueNotFound(_, let context): return "'\(name(context.codingPath))' has no value"
    case .typeMismatch(let type, let context): return "'\(name(context.codingPath))' should be a \(type)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "it is not JSON"
    case .dataCorrupted(let context):
      return "'\(name(context.codingPath))': \(context.debugDescription)"
    @unknown default: return "it is not a recipe"
    }
  }
}
