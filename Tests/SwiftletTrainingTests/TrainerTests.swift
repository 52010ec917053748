// TrainerTests.swift: runs of training, on the reference backend.

import Foundation
import SwiftletTraining
import TestSupport
import Testing

@Suite struct TrainerTests {
  @Test func learnsColors() throws {
    let trainer = try TinyRun.trainer(TinyRun.recipe(epochs: 12) { $0.averageDecay = nil })
    let result = try trainer.run()
    #expect(result.records.map(\.epoch) == Array(1...12))
    #expect(result.records.map(\.step) == (1...12).map { 4 * $0 })
    let (first, last) = (try #require(result.records.first), try #require(result.records.last))
    #expect(last.trainingLoss < first.trainingLoss / 2)
    #expect(last.trainingAccuracy > 0.8)
    #expect(try #require(last.validationAccuracy) > 0.85)
    let evaluation = try #require(result.evaluation)
    #expect(evaluation.count == 9 && evaluation.top5 == 1)
    #expect(evaluation.confusion.map { $0.reduce(0, +) } == [3, 3, 3])
    #expect(evaluation.mistakes.count == 9 - Int((evaluation.top1 * 9).rounded()))
    #expect(result.gates.map(\.gate) == ["stages.0.0.squeeze"])
    #expect(result.gates[0].means.count == 3 && result.gates[0].means.allSatisfy { $0.count == 8 })
    // An h-sigmoid is closed or open for some, and not the same for all.
    let gates = result.gates[0].means.flatMap { $0 }
    #expect(gates.allSatisfy { $0 >= 0 && $0 <= 1 } && Set(gates).count > gates.count / 4)
  }

  @Test func isASequenceOfEpochs() async throws {
    let trainer = try TinyRun.trainer()
    var epochs: [EpochRecord] = []
    for try await epoch in trainer.fit() { epochs.append(epoch) }
    #expect(epochs.map(\.epoch) == [1, 2, 3])
    let again = try TinyRun.trainer().run()
    #expect(epochs.map(\.trainingLoss) == again.records.map(\.trainingLoss))
    #expect(areIdentical(try #require(trainer.trained), again.parameters))
  }

  @Test func reportsEachStep() throws {
    var steps: [StepProgress] = []
    try TinyRun.trainer().run(onStep: { steps.append($0) })
    #expect(steps.map(\.step) == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])
    #expect(steps.map(\.epoch) == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    #expect(steps.allSatisfy { $0.steps == 4 && $0.epochs == 3 && $0.imagesPerSecond > 0 && $0.loss > 0 })
    #expect(
      steps.map(\.learningRate)[0...3].elementsEqual([0.025, 0.05, 0.075, 0.1]) { abs($0 - $1) < 1e-12 })
  }

  @Test func accumulationCountsUpdates() throws {
    let result = try TinyRun.trainer(TinyRun.recipe { ($0.batch, $0.accumulation) = (4, 3) }).run()
    #expect(result.records.map(\.step) == [2, 4, 6])
  }

  @Test(arguments: [Freeze.backbone, .stages(1)])
  func whatIsFrozenStays(_ freeze: Freeze) throws {
    let trainer = try TinyRun.trainer(freeze: freeze)
    let result = try trainer.run().parameters
    for (name, tensor) in trainer.parameters.all {
      let isFrozen =
        freeze == .backbone
        ? !name.hasPrefix("classifier") : name.hasPrefix("stem") || name.hasPrefix("stages.0")
      #expect((result[name]?.floats() == tensor.floats()) == isFrozen, "\(name)")
    }
  }

  private func teacher(
    _ architecture: Architecture = TinyRun.architecture, preprocessing: Preprocessing? = nil,
    labels: [String]? = nil
  ) throws -> Trainer.Teacher {
    Trainer.Teacher(
      .architecture(architecture), parameters: try Parameters(initializing: architecture.graph(), seed: 3),
      preprocessing: preprocessing, labels: labels)
  }

  @Test func aTeachersShareIsTheRecipesOrTheLosss() throws {
    let teacher = try teacher()
    let result = try TinyRun.trainer {
      $0.loss = DistillationLoss(smoothing: 0.05)
      $0.teacher = teacher
    }.run()
    #expect(result.records.count == 3)
    let taught = TinyRun.recipe { $0.distillation = .init() }
    let same = try TinyRun.trainer(taught) { $0.teacher = teacher }.run()
    #expect(same.records.map(\.trainingLoss) == result.records.map(\.trainingLoss))
    // With no share nothing of it shows in the weights.
    let unheard = TinyRun.recipe { $0.distillation = .init(weight: 0) }
    let alone = try TinyRun.trainer().run()
    let deaf = try TinyRun.trainer(unheard) { $0.teacher = teacher }.run()
    #expect(areIdentical(alone.parameters, deaf.parameters))
    #expect(throws: TrainingError.noTeacher) { try TinyRun.trainer { $0.loss = DistillationLoss() } }
    #expect(throws: TrainingError.noTeacher) { try TinyRun.trainer(taught) }
  }

  @Test func aTeacherThatDoesNotFitIsRefused() throws {
    let taught = TinyRun.recipe { $0.distillation = .init() }
    let own = TinyRun.architecture
    var flat = TinyRun.preprocessing
    flat.standardDeviation = [1, 1, 0]
    for (teacher, what) in [
      (try teacher(own.with(classes: 4)), "another number of classes"),
      (try teacher(labels: ["blue", "red", "green"]), "another class"),
      (try teacher(preprocessing: flat), "deviation"),
    ] {
      let error = #expect(throws: (any Error).self) {
        try TinyRun.trainer(taught) { $0.teacher = teacher }
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains(what))
    }
    // One that sees larger pictures does fit.
    var larger = own
    larger.resolution *= 2
    let teacher = try teacher(larger, preprocessing: .torchvision())
    #expect(try TinyRun.trainer(taught) { $0.teacher = teacher }.run().records.count == 3)
  }

  @Test func withoutValidationTheLossDecides() throws {
    let result = try TinyRun.trainer(data: TinyRun.data(validation: nil)).run()
    let losses = result.records.map(\.trainingLoss)
    #expect(result.evaluation == nil && result.records.allSatisfy { $0.validationLoss == nil })
    #expect(losses[result.bestEpoch - 1] == losses.min())
  }

  @Test func brokenPhotographsAreCounted() throws {
    let data = DatasetSplit(
      training: ColoredSquares(count: 24, broken: [3, 8]),
      validation: ColoredSquares(count: 9, seed: 2, broken: [1]))
    let result = try TinyRun.trainer(data: data).run()
    #expect(result.skipped.map(\.name).sorted() == ["square 3", "square 8"])
    let evaluation = try #require(result.evaluation)
    #expect(evaluation.count == 8 && evaluation.skipped.map(\.name) == ["square 1"])
  }

  @Test func refusesWhatCannotWork() throws {
    #expect(throws: TrainingError.batchTooLarge(batch: 25, accumulation: 1, images: 24)) {
      try TinyRun.trainer(TinyRun.recipe { $0.batch = 25 }).run()
    }
    #expect(throws: TrainingError.wrongClasses(network: "tiny", classes: 4, data: 3)) {
      try TinyRun.trainer(architecture: TinyRun.architecture.with(classes: 4))
    }
    #expect(throws: TrainingError.self) { try TinyRun.trainer(freeze: .stages(9)) }
    for (text, expected) in [("none", Freeze.none), ("backbone", .backbone), ("stages:2", .stages(2))] {
      #expect(try Freeze(text) == expected && expected.description == text)
    }
    for text in ["", "stages:", "stages:-1", "stages:x", "all"] {
      #expect(throws: TrainingError.self) { try Freeze(text) }
    }
    for change: (inout Recipe) -> Void in [
      { $0.epochs = 0 }, { $0.batch = 0 }, { $0.accumulation = 0 }, { $0.learningRate = 0 },
      { $0.learningRate = .nan }, { $0.labelSmoothing = 1 }, { $0.clipNorm = -1 },
      { $0.averageDecay = 1 }, { $0.schedule = Schedule(.cosine(floor: 2)) },
      { $0.schedule = Schedule(.constant, warmUp: -1) }, { $0.optimizer = .sgd(momentum: 1) },
      { $0.optimizer = .rmsProp(decay: .nan) }, { $0.optimizer = .adamW(beta2: -0.1) },
      { $0.optimizer = .adamW(epsilon: 0) },
      { $0.distillation = .init(temperature: 0) }, { $0.distillation = .init(weight: 1.1) },
    ] {
      #expect(throws: TrainingError.self) { try TinyRun.trainer(TinyRun.recipe(change)) }
    }
  }

  /// A backend that says of some operations that it computes them by their definition.
  private struct Partial: TrainingBackend {
    final class Session: TrainingSession {
      let base: any TrainingSession
      init(_ base: any TrainingSession) { self.base = base }
      var graph: Graph { base.graph }
      var byteCount: Int { base.byteCount }
      var referenceOps: [String] { (1...8).map { "layer \($0) (strange)" } }
      func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
        try base.withInput(index, body)
      }
      func run() throws { try base.run() }
      func withOutput<Result>(
        _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
      ) rethrows -> Result { try base.withOutput(index, body) }
      func parameters() throws -> Parameters { try base.parameters() }
    }

    func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan {
      try ReferenceBackend().compile(graph, parameters: parameters)
    }
    func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession {
      Session(try ReferenceBackend().makeTrainingSession(graph, parameters: parameters))
    }
  }

  @Test func whatRunsByDefinitionIsSaid() throws {
    try Files.withScratch { folder in
      let trainer = try Trainer(
        .architecture(TinyRun.architecture),
        parameters: Parameters(initializing: TinyRun.architecture.graph(), seed: 1), backend: Partial(),
        recipe: TinyRun.recipe(epochs: 1), data: TinyRun.data(), preprocessing: TinyRun.preprocessing,
        folder: folder.path)
      #expect(trainer.referenceOps.isEmpty && trainer.referenceNote == nil)
      try trainer.run()
      #expect(trainer.referenceOps.count == 8)
      let note = try #require(trainer.referenceNote)
      #expect(note.contains("layer 6 (strange) and 2 others") && !note.contains("layer 7"))
      let page = try String(contentsOf: folder.appending(path: "report.html"), encoding: .utf8)
      #expect(page.contains(note.dropFirst()))
    }
    let usual = try TinyRun.trainer()
    try usual.run()
    #expect(usual.referenceNote == nil)
  }

  @Test func presetsAreSound() throws {
    for preset in Recipe.presets {
      try preset.recipe.check()
      let stored = try JSONEncoder().encode(preset.recipe)
      #expect(try JSONDecoder().decode(Recipe.self, from: stored) == preset.recipe)
      #expect(try Recipe.preset(preset.name) == preset.recipe)
    }
    #expect(throws: TrainingError.unknownRecipe("x")) { try Recipe.preset("x") }
  }

  @Test func aNetworkThatDivergesStops() throws {
    let error = #expect(throws: TrainingError.self) {
      try TinyRun.trainer(
        TinyRun.recipe {
          ($0.learningRate, $0.schedule) = (1e30, .constant)
          $0.weightDecay = 0
        }
      ).run()
    }
    guard case .notANumber(_, let epoch, let step, _, checkpoint: nil)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(epoch == 1 && step >= 2)
  }
}
