// RunProvenance.swift: `command.json` of a run's folder: the command that made it, so that the folder alone is enough to go on.

import SwiftletModules

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The origin of a run.
struct RunProvenance: Codable {
  /// The version of Swiftlet.
  var version = swiftletVersion
  /// The start, in seconds since 1970.
  var started: Double
  /// The working directory of the command.
  var directory: String
  /// The options of `train` by name; a flag is `null`. Paths are absolute.
  var options: [String: String?]

  /// Options that name files.
  private static let paths: Set = ["data", "from", "model", "recipe", "teacher"]
  /// Options of one call only: they do not belong to the run.
  private static let passing: Set = [
    "json", "resume", "output", "threads", "find-rate", "print-recipe", "checkpoint-every",
  ]

  static func file(_ folder: String) -> String { folder + "/command.json" }

  /// The origin of a run that begins now.
  init(_ arguments: Arguments) {
    started = Date().timeIntervalSince1970
    let current = FileManager.default.currentDirectoryPath
    directory = current
    options = [:]
    for (name, value) in arguments.options where !Self.passing.contains(name) {
      guard let value, Self.paths.contains(name), !value.hasPrefix("/"),
        FileManager.default.fileExists(atPath: value)
      else {
        options[name] = value
        continue
      }
      options[name] = "\(current)/\(value)"
    }
  }

  /// Writes it into a run's folder.
  ///
  /// - Throws: `AtomicFileError`.
  func write(to folder: String) throws {
    try AtomicFile.write(try StableJSON.text(self, isIndented: true) + "\n", to: Self.file(folder))
  }

  /// The arguments of a run that goes on: those of its folder, and the given ones.
  ///
  /// The recipe is the one of the run's `config.json`, which holds the numbers that options had changed.
  ///
  /// - Throws: ``UsageError`` where the folder has no run, or one without `command.json`.
  static func resumed(_ folder: String, _ arguments: Arguments) throws -> Arguments {
    guard FileManager.default.fileExists(atPath: folder + "/config.json") else {
      throw UsageError("\(folder): has no run to go on with: there is no config.json")
    }
    guard let data = FileManager.default.contents(atPath: file(folder)) else {
      throw UsageError(
        "\(folder): has no command.json, which older versions did not write; give --data and --model or --from again, "
          + "and --output \(folder) --resume")
    }
    var stored: RunProvenance
    do { stored = try JSONDecoder().decode(RunProvenance.self, from: data) } catch {
      throw UsageError("\(file(folder)): is not the JSON that Swiftlet writes; give the options again")
    }
    // The config.json has the values of the options that change the recipe.
    for option in TrainCommand.recipeOptions { stored.options[option.name] = nil }
    stored.options["recipe"] = folder + "/config.json"
    stored.options["output"] = folder
    return arguments.adding(stored.options)
  }
}
