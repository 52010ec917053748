// EarlyResolutionTests.swift: runs whose first epochs are of smaller images.

import Foundation
import SwiftletArchitectures
import SwiftletTraining
import TestSupport
import Testing

@Suite struct EarlyResolutionTests {
  private func recipe(_ epochs: Int, share: Double, multiplier: Double = 0.5) -> Recipe {
    TinyRun.recipe(epochs: epochs) {
      $0.earlyResolution = .init(share: share, multiplier: multiplier)
      $0.augmentation = [.padAndCrop(1), .horizontalFlip]
    }
  }

  @Test func epochsHaveTheirResolution() {
    let recipe = recipe(5, share: 0.5, multiplier: 0.75)
    #expect((0..<5).map { recipe.resolution(inEpoch: $0, full: 32) } == [24, 24, 32, 32, 32])
    #expect(Recipe.fineTune.resolution(inEpoch: 0, full: 224) == 224)
    var whole = recipe
    whole.earlyResolution = .init(share: 1, multiplier: 0.5)
    #expect((0..<5).allSatisfy { whole.resolution(inEpoch: $0, full: 33) == 17 })
  }

  /// Small images in all epochs: the losses of the network for small images, to the bit.
  @Test func smallImagesAreThoseOfASmallNetwork() throws {
    let small = try TinyRun.trainer(recipe(3, share: 1)).run()
    var plain = recipe(3, share: 1)
    plain.earlyResolution = nil
    let other = try Trainer(
      .architecture(TinyRun.architecture.with(resolution: 4)),
      parameters: Parameters(initializing: TinyRun.architecture.graph(), seed: plain.seed),
      backend: ReferenceBackend(), recipe: plain, data: TinyRun.data(), preprocessing: TinyRun.preprocessing
    ).run()
    #expect(small.records.map(\.trainingLoss) == other.records.map(\.trainingLoss))
    #expect(areIdentical(small.parameters, other.parameters) || small.bestEpoch != other.bestEpoch)
    // Validation is at the network's resolution.
    #expect(small.records.map(\.validationLoss) != other.records.map(\.validationLoss))
  }

  @Test func laterEpochsAreOfWholeImages() throws {
    let (early, whole) = (try TinyRun.trainer(recipe(4, share: 0.5)).run(), recipe(4, share: 0))
    let full = try TinyRun.trainer(whole).run()
    let plain = try TinyRun.trainer(
      TinyRun.recipe(epochs: 4) { $0.augmentation = [.padAndCrop(1), .horizontalFlip] }
    ).run()
    #expect(full.records.map(\.trainingLoss) == plain.records.map(\.trainingLoss))
    #expect(zip(early.records, full.records).allSatisfy { $0.trainingLoss != $1.trainingLoss })
    #expect(early.records.allSatisfy { $0.trainingLoss.isFinite } && early.records.count == 4)
  }

  /// Stopped after any step, also the one before the change, and resumed: the same bits.
  @Test(arguments: [1, 3, 4, 5, 7, 8, 9]) func aRunIsResumedAcrossTheChange(steps: Int) throws {
    try Files.withScratch { scratch in
      let recipe = recipe(4, share: 0.5)
      let whole = try TinyRun.trainer(recipe).run()
      let first = try TinyRun.trainer(recipe, folder: scratch)
      var seen = 0
      do {
        _ = try first.run(onStep: { _ in
          seen += 1
          if seen == steps { first.stop() }
        })
      } catch TrainingError.stopped {}
      let resumed = try TinyRun.trainer(recipe, folder: scratch) { $0.resumes = true }.run()
      #expect(resumed.records.map(\.trainingLoss) == whole.records.map(\.trainingLoss))
      #expect(areIdentical(resumed.parameters, whole.parameters))
    }
  }

  @Test func recipesThatMakeNoSenseAreRefused() throws {
    for (share, multiplier) in [(1.5, 0.5), (-0.1, 0.5), (0.5, 0), (0.5, 2), (0.5, .nan)] {
      #expect(throws: TrainingError.self) { try recipe(4, share: share, multiplier: multiplier).check() }
    }
    var taught = recipe(4, share: 0.5)
    taught.distillation = .init()
    #expect(throws: TrainingError.self) { try taught.check() }
    // Fewer pixels than the strides need.
    #expect(throws: ArchitectureError.self) {
      try TinyRun.trainer(recipe(4, share: 0.5, multiplier: 0.25)).run()
    }
    let graph = try TinyRun.architecture.graph()
    let error = #expect(throws: TrainingError.self) {
      try Trainer(
        .graph(graph), parameters: Parameters(initializing: graph, seed: 7), backend: ReferenceBackend(),
        recipe: recipe(4, share: 0.5), data: TinyRun.data(), preprocessing: TinyRun.preprocessing)
    }
    #expect(error.map { "\($0)" }?.contains("is a graph for images of 8 pixels") == true)
  }
}
