// ModelTrainingTests.swift: new heads, feature vectors, models that the library trains.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct ModelTrainingTests {
  private func model(_ labels: [String] = ["a", "b", "c"]) throws -> Model {
    let options = ZooOptions(width: 0.25, resolution: 32, classes: labels.count)
    return try Model.untrained(
      try Zoo.architecture("mobilenet_v2", options), labels: labels, seed: 4)
  }

  /// Two colours, with a little noise.
  private struct Colours: Dataset {
    let classes = ["dark", "light"]
    let count: Int
    func name(_ index: Int) -> String { "\(index)" }
    func label(_ index: Int) -> Int { index % 2 }
    func image(_ index: Int) throws -> RGBImage {
      try RGBImage(
        width: 32, height: 32,
        pixels: (0..<(32 * 32 * 3)).map { UInt8(label(index) * 150 + ($0 * 7 + index * 13) % 100) })
    }
  }

  @Test func aNewHeadKeepsTheRest() throws {
    let old = try model()
    let new = try old.withHead(classes: ["x", "y"], seed: 9)
    #expect(new.labels == ["x", "y"] && new.classes == 2)
    #expect(new.preprocessing == old.preprocessing)
    for (name, tensor) in new.parameters.all {
      let kept = old.parameters[name]?.floats()
      #expect((kept == tensor.floats()) == !name.hasPrefix("classifier.weight") || name == "classifier.bias")
    }
    let same = try old.withHead(classes: ["x", "y", "z"])
    #expect(same.parameters["classifier.weight"]?.floats() == old.parameters["classifier.weight"]?.floats())
    #expect(throws: ArchitectureError.self) { try old.withHead(classes: []) }
  }

  @Test func featuresAreWhatTheClassifierSees() throws {
    let model = try model()
    let image = try Colours(count: 2).image(1)
    let features = try Embedder(model)(image).map(Double.init)
    let weights = try #require(model.parameters["classifier.weight"]).doubles()
    let bias = try #require(model.parameters["classifier.bias"]).doubles()
    let logits = bias.indices.map { label in
      features.indices.reduce(bias[label]) { $0 + features[$1] * weights[$1 * bias.count + label] }
    }
    let expected = try Classifier(model)(image).logits.map(Double.init)
    #expect(disagreement(logits, expected, relativeToScale: 1e-5) == nil)
  }

  @Test func trainsInAFewLines() async throws {
    var recipe = Recipe.fineTune
    (recipe.epochs, recipe.batch, recipe.augmentation) = (3, 8, [.horizontalFlip])
    let data = DatasetSplit(training: Colours(count: 32), validation: Colours(count: 10))
    let trainer = try Trainer(try model(), recipe, on: data, engine: CPUBackend())
    #expect(try trainer.model() == nil)
    var epochs: [EpochRecord] = []
    for try await epoch in trainer.fit() { epochs.append(epoch) }
    #expect(epochs.count == 3)
    let trained = try #require(try trainer.model())
    #expect(trained.labels == ["dark", "light"])
    let evaluation = try trained.evaluate(on: Colours(count: 10), engine: CPUBackend(), batch: 4)
    #expect(evaluation.top1 == trainer.outcome?.evaluation?.top1)
    #expect(evaluation.count == 10)
    #expect(throws: EvaluationError.self) { try model().evaluate(on: Colours(count: 10)) }
  }

  /// Leaving the loop ends the run.
  @Test func leavingTheLoopStops() async throws {
    var recipe = Recipe.quick
    (recipe.epochs, recipe.batch) = (100_000, 8)
    let data = DatasetSplit(training: Colours(count: 16), validation: nil)
    let trainer = try Trainer(try model(), recipe, on: data, engine: CPUBackend())
    // Slow enough that the run cannot end by itself before this task has its turn.
    for try await epoch in trainer.fit(onStep: { _ in usleep(1000) }) where epoch.epoch == 2 { break }
    #expect(trainer.outcome == nil)
  }

  /// A canceled task learns that the epochs are not all, and the run ends.
  @Test func cancelingTheTaskThrows() async throws {
    var recipe = Recipe.quick
    (recipe.epochs, recipe.batch) = (100_000, 8)
    let data = DatasetSplit(training: Colours(count: 16), validation: nil)
    let trainer = try Trainer(try model(), recipe, on: data, engine: CPUBackend())
    let task = Task {
      var count = 0
      for try await _ in trainer.fit(onStep: { _ in usleep(1000) }) { count += 1 }
      return count
    }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(trainer.outcome == nil)
  }
}
