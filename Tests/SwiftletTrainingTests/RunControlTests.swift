// RunControlTests.swift: the end of a run, longer runs, rates of layers, class weights, mirrored evaluation, the range test.

import Foundation
import SwiftletArchitectures
import SwiftletTraining
import TestSupport
import Testing

@Suite struct RunControlTests {
  @Test func aRunStopsAtItsTarget() throws {
    let trainer = try TinyRun.trainer(TinyRun.recipe(epochs: 40) { $0.targetScore = 0.6 })
    let result = try trainer.run()
    let last = try #require(result.records.last)
    #expect(result.records.count < 40 && last.epoch == result.bestEpoch)
    #expect(try #require(last.validationAccuracy) >= 0.6)
    #expect(result.records.dropLast().allSatisfy { ($0.validationAccuracy ?? 0) < 0.6 })
  }

  @Test func patienceEndsARun() throws {
    // A rate of almost nothing: no epoch is better than the first by much.
    let trainer = try TinyRun.trainer(
      TinyRun.recipe(epochs: 40) {
        $0.learningRate = 1e-12
        $0.averageDecay = nil
        $0.patience = 3
      })
    let result = try trainer.run()
    #expect(result.records.count == result.bestEpoch + 3)
  }

  /// A run of two epochs that is made four epochs long goes on from its weights.
  @Test func aRunIsExtended() throws {
    try Files.withScratch { scratch in
      let short = try TinyRun.trainer(TinyRun.recipe(epochs: 2), folder: scratch).run()
      let long = try TinyRun.trainer(TinyRun.recipe(epochs: 4), folder: scratch) { $0.resumes = true }.run()
      #expect(long.records.count == 4)
      #expect(long.records.prefix(2).map(\.trainingLoss) == short.records.map(\.trainingLoss))
      #expect(long.records.map(\.step) == [4, 8, 12, 16])
      // Another batch is another run, and fewer epochs than there are make no sense.
      for change: @Sendable (inout Recipe) -> Void in [
        { $0.batch = 4 }, { $0.epochs = 3 }, { $0.learningRate = 0.2 },
      ] {
        let trainer = try TinyRun.trainer(TinyRun.recipe(epochs: 4, change), folder: scratch) {
          $0.resumes = true
        }
        #expect(throws: TrainingError.self) { try trainer.run() }
      }
    }
  }

  @Test func ratesFallTowardsTheStem() throws {
    let network = try TinyRun.architecture.graph(batch: 2, mode: .training)
    let rates = LayerRates(decay: 0.5, network: network)
    let expected = ["stem": 0.125, "stages.0": 0.25, "stages.1": 0.5, "classifier": 1]
    var seen: Set<String> = []
    for spec in network.parameters {
      let key = try #require(expected.keys.first { spec.name.hasPrefix($0) }, "\(spec.name)")
      seen.insert(key)
      #expect(rates.factor(spec) == expected[key])
    }
    #expect(seen == Set(expected.keys))
    #expect(network.parameters.allSatisfy { LayerRates(decay: 1, network: network).factor($0) == 1 })
  }

  /// One step of plain SGD with a decay of rates is the step without, times each layer's factor.
  @Test func aStepUsesTheRateOfItsLayer() throws {
    func change(_ decay: Double?) throws -> [String: [Float]] {
      let recipe = TinyRun.recipe(epochs: 1) {
        ($0.batch, $0.optimizer, $0.schedule, $0.weightDecay) = (24, .sgd(momentum: 0), .constant, 0)
        // Large, so that a change is far above a weight's rounding.
        $0.learningRate = 100
        ($0.layerDecay, $0.averageDecay, $0.dropout) = (decay, nil, 0)
      }
      let trainer = try TinyRun.trainer(recipe)
      let result = try trainer.run()
      let network = try TinyRun.architecture.graph(batch: 1, mode: .training)
      return Dictionary(
        uniqueKeysWithValues: try network.parameters.filter { $0.role.isTrainable }.map { spec in
          let (old, new) = (
            try #require(trainer.parameters[spec.name]), try #require(result.parameters[spec.name])
          )
          return (spec.name, zip(old.floats(), new.floats()).map { $1 - $0 })
        })
    }
    let (plain, decayed) = (try change(nil), try change(0.5))
    for (name, steps) in plain {
      let factor: Float =
        name.hasPrefix("stem")
        ? 0.125 : name.hasPrefix("stages.0") ? 0.25 : name.hasPrefix("stages.1") ? 0.5 : 1
      let worst = disagreement(
        try #require(decayed[name]).map(Double.init), steps.map { Double(factor * $0) }, absolute: 2e-6,
        relative: 1e-4)
      #expect(worst == nil, "\(name): \(worst.map { "\($0)" } ?? "")")
    }
  }

  @Test func rareClassesWeighMore() {
    let (two, one): ([Float], [Float]) = ([8 / 12, 8 / 6, 8 / 6], [4 / 6, 2, 2])
    #expect(ClassWeights.balanced(classes: 3, labels: [0, 0, 0, 0, 1, 1, 2, 2]) == two)
    // A class without images does not count.
    #expect(ClassWeights.balanced(classes: 3, labels: [0, 0, 0, 1]) == one)
    #expect(ClassWeights.balanced(classes: 2, labels: [0, 1, 0, 1]) == [Float](repeating: 1, count: 2))
  }

  /// Classes of equal numbers have weights of 1: the same losses to the bit. Other numbers change them.
  @Test func classWeightsReachTheLoss() throws {
    func losses(_ count: Int, _ balances: Bool) throws -> [Double] {
      try TinyRun.trainer(
        TinyRun.recipe(epochs: 2) { ($0.balancesClasses, $0.batch) = (balances, 6) },
        data: TinyRun.data(count)
      ).run().records.map(\.trainingLoss)
    }
    #expect(try losses(24, true) == losses(24, false))
    #expect(try losses(25, true) != losses(25, false))
    let trainer = try TinyRun.trainer(
      TinyRun.recipe(epochs: 1) { ($0.balancesClasses, $0.batch, $0.labelSmoothing) = (true, 4, 0) },
      data: TinyRun.data(4, validation: nil))
    #expect(try trainer.run().records[0].trainingLoss.isFinite)
  }

  /// The mean of the outputs for an image and its mirror image, computed by two evaluations of one image each.
  @Test func mirroredEvaluationIsTheMeanOfBoth() throws {
    let parameters = try Parameters(initializing: TinyRun.architecture.graph(), seed: 3)
    let data = ColoredSquares(count: 9)
    struct Mirrored: Dataset {
      let base: ColoredSquares
      var classes: [String] { base.classes }
      var count: Int { base.count }
      func name(_ index: Int) -> String { base.name(index) }
      func label(_ index: Int) -> Int { base.label(index) }
      func image(_ index: Int) throws -> RGBImage {
        let image = try base.image(index)
        var pixels = image.pixels
        for y in 0..<8 {
          for x in 0..<8 {
            for c in 0..<3 { pixels[(y * 8 + x) * 3 + c] = image.pixels[(y * 8 + 7 - x) * 3 + c] }
          }
        }
        return try RGBImage(width: 8, height: 8, pixels: pixels)
      }
    }
    func loss(_ data: any Dataset, mirrors: Bool) throws -> Double {
      try Evaluator(
        .architecture(TinyRun.architecture), parameters: parameters, backend: ReferenceBackend(), batch: 4,
        mirrors: mirrors
      ).run(on: data, preprocessing: TinyRun.preprocessing).evaluation.loss
    }
    let both = try loss(data, mirrors: true)
    #expect(abs(both - (try loss(Mirrored(base: data), mirrors: true))) < 1e-6)
    let (one, other) = (try loss(data, mirrors: false), try loss(Mirrored(base: data), mirrors: false))
    #expect(one != other)
    // Cross-entropy is convex in the logits: the mean's loss is below the mean of the losses.
    #expect(both < (one + other) / 2)
  }

  @Test func theRangeTestFindsTheSlope() throws {
    // A parabola's descent: the loss falls most at 1e-2, is least at 1e-1, and grows.
    let points = (0..<81).map { index -> RateRangeTest.Point in
      let exponent = -6 + Double(index) / 10
      let loss =
        exponent < -3
        ? 2 : exponent < -1 ? 2 - 0.9 * (exponent + 3) / 2 * (exponent + 3) / 2 : 1.1 + 3 * (exponent + 1)
      return RateRangeTest.Point(learningRate: pow(10, exponent), loss: loss)
    }
    let test = RateRangeTest(points: points)
    let steepest = try #require(test.steepest), tenth = try #require(test.tenthOfLeast)
    #expect(steepest > 0.01 && steepest < 0.12 && abs(tenth - 0.01) < 1e-6)
    let suggestion = try #require(test.suggestion)
    #expect(suggestion > 0.009 && suggestion < 0.05)
    let page = test.html(title: "range")
    #expect(page.contains("learning rate") && page.contains("1e-3") && page.contains("Suggested"))
    #expect(RateRangeTest(points: []).suggestion == nil)
    #expect(
      RateRangeTest(points: points.prefix(20).map { .init(learningRate: $0.learningRate, loss: 2) })
        .suggestion == nil)
  }

  @Test func theRangeTestTrains() throws {
    let trainer = try TinyRun.trainer(TinyRun.recipe { $0.accumulation = 2 })
    var seen = 0
    let test = try trainer.findRate(from: 1e-5, to: 100, updates: 30) { _ in seen += 1 }
    #expect(test.points.count == seen && seen > 5 && seen <= 30)
    #expect(abs(test.points[0].learningRate - 1e-5) < 1e-12)
    #expect(zip(test.points, test.points.dropFirst()).allSatisfy { $0.learningRate < $1.learningRate })
    #expect(test.points.allSatisfy { $0.loss.isFinite })
    #expect(throws: TrainingError.self) { try trainer.findRate(from: 1, to: 0.1) }
    #expect(throws: TrainingError.self) { try trainer.findRate(from: 0, to: 0.1) }
  }
}
