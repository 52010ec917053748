// Recipe+File.swift: recipes as files, so that a run can be changed in a number, or made again.

import SwiftletArchitectures
import SwiftletCore
import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Recipe {
  /// The recipe of a JSON file: a recipe, or the `config.json` of a run. A file with the member `base`, the name of a preset,
  /// holds only what differs from that preset; any other file holds every number.
  ///
  /// - Throws: ``FormatError`` where the file cannot be read, ``TrainingError/badRecipeFile(file:reason:)`` where it is not a recipe:
  ///   a key is unknown or missing, or a value has another type.
  public init(contentsOf path: String) throws { self = try RecipeFile(contentsOf: path).recipe }
}

/// The contents of a recipe's file.
package struct RecipeFile: Sendable {
  /// The recipe.
  package let recipe: Recipe
  /// The architecture of a run's `config.json`.
  package let architecture: Architecture?

  /// Reads a file.
  ///
  /// - Throws: as ``Recipe/init(contentsOf:)``.
  package init(contentsOf path: String) throws {
    let file = try MappedFile(contentsOf: path)
    guard file.byteCount <= 4 << 20 else {
      throw TrainingError.badRecipeFile(
        file: path, reason: "\(file.byteCount) bytes: more than any recipe has")
    }
    do {
      let tree = try JSONValue(parsing: file.storage.withUnsafeBytes { Data($0) })
      guard let members = tree.members else { throw Problem("it is not a JSON object") }
      if let own = members["recipe"] {
        recipe = try Self.recipe(own, path: "recipe.")
        architecture = try members["architecture"].map { try ArchitectureFile.architecture($0) }
      } else {
        recipe = try Self.recipe(tree, path: "")
        architecture = nil
      }
    } catch let error as Problem {
      throw TrainingError.badRecipeFile(file: path, reason: error.reason)
    } catch {
      throw TrainingError.badRecipeFile(file: path, reason: Self.reason(error))
    }
  }

  private struct Problem: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Keys of a recipe that its encoding lacks where they are `nil`.
  private static let optional: Set = [
    "averageDecay", "balancesClasses", "clipNorm", "distillation", "dropout", "layerDecay",
    "mirrorsEvaluation",
    "mixing", "patience", "targetScore",
  ]

  private static func recipe(_ tree: JSONValue, path: String) throws -> Recipe {
    guard var members = tree.members else { throw Problem("'\(path.dropLast())' is not a JSON object") }
    var full = members
    if let base = members.removeValue(forKey: "base") {
      guard case .string(let name) = base else {
        throw Problem("'\(path)base' should be the name of a recipe")
      }
      full = try JSONValue(encoding: Recipe.preset(name)).members ?? [:]
      full.merge(members) { _, own in own }
    } else {
      let needed = try JSONValue(encoding: Recipe.cifar).members ?? [:]
      let missing = needed.keys.filter { members[$0] == nil && !optional.contains($0) }.sorted()
      if let first = missing.first {
        let names = Recipe.presets.map(\.name).joined(separator: ", ")
        throw Problem(
          "'\(path)\(first)' is missing"
            + (missing.count > 1 ? ", and so are \(missing.count - 1) others" : "")
            + "; add \"base\" with one of \(names) to take the rest from that recipe")
      }
    }
    let recipe = try JSONValue.object(full).decoded(Recipe.self)
    let known = try JSONValue(encoding: recipe)
    if let (key, allowed) = JSONValue.object(members).unknownKey(comparedWith: known, optional: optional) {
      let last = key.split(separator: ".").last.map(String.init) ?? key
      let hint = NearestName.of(last, in: allowed).map { "; did you mean '\($0)'?" }
      throw Problem(
        "unknown key '\(path)\(key)'" + (hint ?? "; there are \(allowed.joined(separator: ", "))"))
    }
    return recipe
  }

  /// The values of a recipe that are written by the name of a case.
  private static let choices: [String: String] = [
    "optimizer": "sgd, rmsProp or adamW, such as {\"sgd\": {\"momentum\": 0.9, \"nesterov\": true}}",
    "curve": "constant, cosine, step, exponential or oneCycle, such as {\"cosine\": {\"floor\": 0}}",
    "augmentation":
      "a list of randomResizedCrop, horizontalFlip, padAndCrop, colorJitter, randAugment, trivialAugment and "
      + "randomErasing, such as [{\"padAndCrop\": {\"padding\": 4}}, {\"horizontalFlip\": {}}]",
    "mixing": "mixup, cutMix or either, such as {\"mixup\": {\"alpha\": 0.2}}",
    "decayExclusions": "a list of parameters' roles, such as [\"normScale\", \"bias\"]",
  ]

  /// A decoding error in one line: the field and the expected type.
  private static func reason(_ error: any Error) -> String {
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
    @unknown default: return "it is not a recipe"
    }
  }
}
