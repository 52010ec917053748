// RecipeFileTests.swift: recipes from files, sound and damaged.

import Foundation
import SwiftletFormats
import SwiftletTraining
import TestSupport
import Testing

@Suite struct RecipeFileTests {
  private func read(_ text: String) throws -> Recipe {
    try Files.withScratch { scratch in
      let file = scratch.appending(path: "recipe.json")
      try text.write(to: file, atomically: true, encoding: .utf8)
      return try Recipe(contentsOf: file.path)
    }
  }

  private func json(_ recipe: Recipe) throws -> String {
    String(decoding: try JSONEncoder().encode(recipe), as: UTF8.self)
  }

  @Test func everyPresetIsWhatItsFileSays() throws {
    for preset in Recipe.presets {
      let text = try json(preset.recipe)
      #expect(try read(text) == preset.recipe)
      // As `config.json` of a run holds it, beside other things.
      #expect(try read("{\"data\": {\"classes\": []}, \"recipe\": \(text)}") == preset.recipe)
    }
  }

  @Test func theBenchmarksRecipeIsSound() throws {
    let recipe = try Recipe(contentsOf: Files.root.appending(path: "Benchmarks/training/distilled.json").path)
    try recipe.check()
    #expect(recipe.distillation != nil)
  }

  @Test func damageIsNamed() throws {
    let text = try json(.cifar)
    for (damaged, part) in [
      ("", "empty"), ("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "'epochs' is missing"),
      (text.replacing("\"epochs\":30", with: "\"epochs\":\"many\""), "'epochs' should be"),
      (text.replacing("\"padding\":4", with: "\"border\":4"), "padding"),
      ("{\"recipe\": {\"epochs\": 3}}", "'recipe.batch' is missing"),
    ] {
      let error = #expect(throws: (any Error).self) { try read(damaged) }
      let line = "\(error.map { "\($0)" } ?? "")"
      #expect(line.contains(part) && line.contains("recipe.json"), "\(damaged.prefix(40)): \(line)")
      #expect(!line.contains("\n"))
    }
    #expect(throws: FormatError.self) { try Recipe(contentsOf: "/no/such/recipe.json") }
    try Files.withScratch { scratch in
      let file = scratch.appending(path: "large.json")
      try Data(count: 2 << 20).write(to: file)
      #expect(throws: TrainingError.self) { try Recipe(contentsOf: file.path) }
    }
  }
}
