// Recipe+File.swift: recipes as files, so that a run can be changed in a number, or made again.

import SwiftletArchitectures
import SwiftletCore
import SwiftletFormats

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
    do {
      let tree = try SettingsFile.tree(path, what: "recipe")
      if let own = tree.members?["recipe"] {
        recipe = try Self.recipe(own, path: "recipe.")
        architecture = try tree.members?["architecture"].map { try ArchitectureFile.architecture($0) }
      } else {
        recipe = try Self.recipe(tree, path: "")
        architecture = nil
      }
    } catch let error as FormatError {
      throw error
    } catch {
      throw TrainingError.badRecipeFile(
        file: path, reason: SettingsFile.reason(error, what: "a recipe", choices: Self.choices))
    }
  }

  /// Keys of a recipe that its encoding lacks where they are `nil`.
  private static let optional: Set = [
    "averageDecay", "balancesClasses", "clipNorm", "distillation", "dropout", "layerDecay",
    "mirrorsEvaluation",
    "mixing", "patience", "targetScore",
  ]

  private static func recipe(_ tree: JSONValue, path: String) throws -> Recipe {
    guard var members = tree.members else {
      throw SettingsFile.Problem("'\(path.dropLast())' is not a JSON object")
    }
    var full = members
    if let base = members.removeValue(forKey: "base") {
      guard case .string(let name) = base else {
        throw SettingsFile.Problem("'\(path)base' should be the name of a recipe")
      }
      full = try JSONValue(encoding: Recipe.preset(name)).members ?? [:]
      full.merge(members) { _, own in own }
    } else {
      let needed = try JSONValue(encoding: Recipe.cifar).members ?? [:]
      let missing = needed.keys.filter { members[$0] == nil && !optional.contains($0) }.sorted()
      if let first = missing.first {
        let names = Recipe.presets.map(\.name).joined(separator: ", ")
        throw SettingsFile.Problem(
          "'\(path)\(first)' is missing"
            + (missing.count > 1 ? ", and so are \(missing.count - 1) others" : "")
            + "; add \"base\" with one of \(names) to take the rest from that recipe")
      }
    }
    let recipe = try JSONValue.object(full).decoded(Recipe.self)
    try SettingsFile.refuseUnknownKeys(
      in: .object(members), decodedAs: recipe, optional: optional, path: path)
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
}
