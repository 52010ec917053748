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
      ("", "empty"), ("{", "not JSON"), ("[]", "not a JSON object"),
      ("{}", "'accumulation' is missing, and so are"),
      (text.replacing("\"epochs\":30", with: "\"epochs\":\"many\""), "'epochs' should be"),
      (text.replacing("\"padding\":4", with: "\"border\":4"), "padding"),
      ("{\"recipe\": {\"epochs\": 3}}", "'recipe.accumulation' is missing"),
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

  /// A file with a base holds only what differs from it.
  @Test func aBaseFillsInTheRest() throws {
    for preset in Recipe.presets {
      var expected = preset.recipe
      #expect(try read("{\"base\": \"\(preset.name)\"}") == expected)
      expected.epochs = 7
      expected.mixing = .mixup(alpha: 0.3)
      expected.augmentation = [.trivialAugment, .padAndCrop(2)]
      expected.layerDecay = 0.5
      let text = """
        {"base": "\(preset.name)", "epochs": 7, "mixing": {"mixup": {"alpha": 0.3}}, "layerDecay": 0.5,
         "augmentation": [{"trivialAugment": {}}, {"padAndCrop": {"padding": 2}}]}
        """
      #expect(try read(text) == expected)
    }
  }

  /// Keys that nothing reads, at every depth: each is named, with the nearest key where one is near.
  @Test func unknownKeysAreErrors() throws {
    let full = try json(.fineTune)
    for (text, part) in [
      ("{\"base\": \"cifar\", \"epoks\": 3}", "unknown key 'epoks'; did you mean 'epochs'?"),
      ("{\"base\": \"cifar\", \"Epochs\": 3}", "did you mean 'epochs'?"),
      ("{\"base\": \"cifar\", \"learning_rate\": 3}", "did you mean 'learningRate'?"),
      ("{\"base\": \"cifar\", \"lr\": 3}", "unknown key 'lr'; there are accumulation"),
      (
        "{\"base\": \"cifar\", \"optimizer\": {\"sgd\": {\"momentum\": 0.9, \"nesterov\": true, \"damping\": 1}}}",
        "unknown key 'optimizer.sgd.damping'"
      ),
      (
        "{\"base\": \"cifar\", \"augmentation\": [{\"padAndCrop\": {\"padding\": 4, \"fill\": 0}}]}",
        "unknown key 'augmentation.0.padAndCrop.fill'"
      ),
      (full.replacing("\"warmUp\"", with: "\"warmup\": 3, \"warmUp\""), "unknown key 'schedule.warmup'"),
      ("{\"recipe\": \(full.dropLast()), \"clip\": 1}}", "unknown key 'recipe.clip'"),
      ("{\"base\": \"nonsense\"}", "unknown recipe 'nonsense'"), ("{\"base\": 3}", "'base' should be"),
      ("{\"base\": \"cifar\", \"optimizer\": \"adam\"}", "sgd, rmsProp or adamW"),
      ("{\"base\": \"cifar\", \"augmentation\": [{\"flip\": {}}]}", "horizontalFlip"),
    ] {
      let error = #expect(throws: (any Error).self) { try read(text) }
      let line = "\(error.map { "\($0)" } ?? "")"
      #expect(line.contains(part) && !line.contains("\n"), "\(text.prefix(60)): \(line)")
    }
    // A key of `null` is one that is left out.
    #expect(try read("{\"base\": \"cifar\", \"clipNorm\": null}") == .cifar)
  }

  /// Architectures as files: every network of the zoo is read back, and an edit is read as it is written.
  @Test func architecturesAreRead() throws {
    try Files.withScratch { scratch in
      let file = scratch.appending(path: "mine.json")
      func read(_ text: String) throws -> Architecture {
        try text.write(to: file, atomically: true, encoding: .utf8)
        return try ArchitectureFile.read(file.path)
      }
      for entry in Zoo.entries {
        let architecture = try entry.architecture()
        let text = String(decoding: try JSONEncoder().encode(architecture), as: UTF8.self)
        #expect(try read(text) == architecture)
        #expect(try read("{\"recipe\": {}, \"architecture\": \(text)}") == architecture)
      }
      let text = String(decoding: try JSONEncoder().encode(Zoo.architecture("mobilenet_v2")), as: UTF8.self)
      let relu = try read(text.replacing("\"relu6\"", with: "\"relu\""))
      #expect(try relu.graph().description.contains("relu") && !relu.graph().description.contains("relu6"))
      for (damaged, part) in [
        (text.replacing("\"repeats\"", with: "\"repeat\""), "'stem.0.repeats' is missing"),
        (text.replacing("\"hasShortcut\"", with: "\"shortcut\": true, \"hasShortcut\""), "unknown key"),
        (text.replacing("\"relu6\"", with: "\"gelu\""), "gelu"), ("[]", "not a JSON object"),
        ("{", "not JSON"),
        (text.replacing("\"resolution\":224", with: "\"resolution\":1"), "takes images of"),
        (text.replacing("\"width\":1", with: "\"width\":\"one\""), "'width' should be"),
      ] {
        let error = #expect(throws: (any Error).self) { try read(damaged) }
        let line = "\(error.map { "\($0)" } ?? "")"
        #expect(line.contains(part) && line.contains("mine.json") && !line.contains("\n"), "\(part): \(line)")
      }
    }
  }
}
