// TrainCommand+Recipe.swift: the recipe of a command line.

import SwiftletModules

extension TrainCommand {
  /// The options that change a recipe.
  static let recipeOptions: [OptionSpec] = [
    .value(
      "recipe", "NAME",
      "Recipe (default: fine-tune with --from, else cifar), or a .json file, such as a run's config.json."),
    .value("epochs", "N", "Passes over the images, instead of the recipe's."),
    .value("batch", "N", "Images in a step, instead of the recipe's."),
    .value("learning-rate", "X", "Learning rate, instead of the recipe's."),
    .value(
      "layer-decay", "X", "Factor of the learning rate from one stage to the stage before it (fine-tuning)."),
    .value("augment", "LIST", "Augmentations, instead of the recipe's: \(Augmentations.names), or none."),
    .flag("class-weights", "Weigh rare classes as much as frequent ones in the loss."),
    .flag("mirror", "Validate on the mean of each image and its mirror image."),
    .value("patience", "N", "Stop after N epochs without a better one."),
    .value("target-accuracy", "X", "Stop once the validation accuracy (or mAP) is X, such as 0.92 or 92."),
    .value("seed", "N", "Seed of everything random (default 1)."),
  ]

  /// The recipe, and the architecture of the `config.json` that it is from.
  ///
  /// - Throws: ``UsageError``, ``TrainingError`` where the file or a number makes no sense.
  static func recipe(_ arguments: Arguments) throws -> (recipe: Recipe, architecture: Architecture?) {
    let usual = arguments.string("from") == nil ? "cifar" : "fine-tune"
    let name = arguments.string("recipe") ?? usual
    var recipe: Recipe
    var architecture: Architecture?
    if name.hasSuffix(".json") {
      let file = try RecipeFile(contentsOf: name)
      (recipe, architecture) = (file.recipe, file.architecture)
    } else {
      recipe = try Recipe.preset(name)
    }
    recipe.epochs = try arguments.integer("epochs") ?? recipe.epochs
    recipe.batch = try arguments.integer("batch") ?? recipe.batch
    recipe.learningRate = try arguments.number("learning-rate") ?? recipe.learningRate
    recipe.layerDecay = try arguments.number("layer-decay") ?? recipe.layerDecay
    recipe.patience = try arguments.integer("patience") ?? recipe.patience
    if let target = try arguments.number("target-accuracy") {
      recipe.targetScore = target > 1 ? target / 100 : target
    }
    if arguments.flag("mirror") { recipe.mirrorsEvaluation = true }
    if arguments.flag("class-weights") { recipe.balancesClasses = true }
    if let list = arguments.string("augment") { recipe.augmentation = try Augmentations.parse(list) }
    if arguments.string("teacher") != nil { recipe.distillation = recipe.distillation ?? .init() }
    if let seed = try arguments.integer("seed", in: 0...Int.max) { recipe.seed = UInt64(seed) }
    return (recipe, architecture)
  }
}

/// The augmentations of `--augment`.
enum Augmentations {
  private static let all: [(name: String, augmentation: Augmentation)] = [
    ("flip", .horizontalFlip), ("crop", .randomResizedCrop(scale: 0.35...1)),
    ("pad-and-crop", .padAndCrop(4)),
    ("color", .colorJitter(brightness: 0.2, contrast: 0.2, saturation: 0.2)),
    ("rand-augment", .randAugment()),
    ("trivial-augment", .trivialAugment), ("erasing", .randomErasing(probability: 0.25)),
  ]

  static var names: String { all.map(\.name).joined(separator: ", ") }

  /// A list such as `crop,flip`.
  ///
  /// - Throws: ``UsageError`` naming the one that is unknown.
  static func parse(_ text: String) throws -> [Augmentation] {
    if text == "none" { return [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let found = all.first(where: { $0.name == name }) else {
        throw UsageError("--augment: unknown augmentation '\(name)'; there are \(names), and none")
      }
      return found.augmentation
    }
  }
}
