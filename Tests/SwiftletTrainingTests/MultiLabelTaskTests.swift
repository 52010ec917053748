// MultiLabelTaskTests.swift: training on images of several classes each: metrics, runs, reports, storage.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

/// Squares with any of three color channels raised.
struct ColorMixtures: ImageDataset {
  let classes = ["red", "green", "blue"]
  let count: Int
  var seed: UInt64 = 1

  func name(_ index: Int) -> String { "mixture \(index)" }
  func target(_ index: Int) -> [Int] { (0..<3).filter { (index % 8) >> $0 & 1 == 1 } }
  func image(_ index: Int) throws -> RGBImage {
    var generator = SeededGenerator(seed: seed, stream: UInt64(index))
    let labels = target(index)
    let pixels = (0..<(8 * 8 * 3)).map { position -> UInt8 in
      UInt8(generator.uniform(0, 120)) + (labels.contains(position % 3) ? 90 : 0)
    }
    return try RGBImage(width: 8, height: 8, pixels: pixels)
  }
}

@Suite struct MultiLabelTaskTests {
  private struct Goldens: Decodable {
    struct Case: Decodable {
      let logits: [[Float]]
      let targets: [[Int]]
      let averagePrecision: [Double?]
      let meanAveragePrecision: Double, microF1: Double, macroF1: Double, accuracy: Double
    }
    let cases: [Case]
  }

  private func trainer(
    _ recipe: Recipe, folder: URL? = nil, task: MultiLabelTask = MultiLabelTask(),
    _ change: (inout Trainer.Options) -> Void = { _ in }
  ) throws -> Trainer {
    var options = Trainer.Options()
    options.validationBatch = 5
    change(&options)
    let data = MultiLabelSplit(
      training: ColorMixtures(count: 48), validation: ColorMixtures(count: 16, seed: 2))
    return try Trainer(
      .architecture(TinyRun.architecture),
      parameters: Parameters(initializing: TinyRun.architecture.graph(), seed: recipe.seed),
      backend: ReferenceBackend(), recipe: recipe, task: task, data: data.anyTargets,
      preprocessing: TinyRun.preprocessing, folder: folder?.path, options: options)
  }

  // MARK: Metrics

  @Test func metricsAreScikitLearns() throws {
    let goldens = try JSONDecoder().decode(
      Goldens.self, from: Data(contentsOf: Files.golden("metrics/multi_label.json")))
    #expect(goldens.cases.count == 4)
    for golden in goldens.cases {
      let classes = golden.averagePrecision.indices.map { "class \($0)" }
      var tally = MultiLabelTask().tally(classes: classes)
      for (index, (logits, targets)) in zip(golden.logits, golden.targets).enumerated() {
        tally.add([logits[...]], target: targets.indices.filter { targets[$0] == 1 }, index: index)
      }
      let result = tally.evaluation(name: { "\($0)" }, skipped: [])
      let evaluation = try #require(result as? MultiLabelEvaluation)
      #expect(evaluation.count == golden.logits.count)
      for (own, other) in zip(evaluation.perClass.map(\.averagePrecision), golden.averagePrecision) {
        #expect((own == nil) == (other == nil) && abs((own ?? 0) - (other ?? 0)) < 1e-12)
      }
      for (own, other) in [
        (evaluation.meanAveragePrecision, golden.meanAveragePrecision),
        (evaluation.microF1, golden.microF1), (evaluation.macroF1, golden.macroF1),
        (evaluation.accuracy, golden.accuracy), (evaluation.score, golden.meanAveragePrecision),
      ] { #expect(abs(own - other) < 1e-12, "\(own) \(other)") }
    }
  }

  @Test func averagePrecisionByHand() {
    // Ranks 1 and 3 are right: (1/1 + 2/3) / 2.
    let two = AveragePrecision.of(scores: [4, 3, 2, 1], isPresent: [true, false, true, false])
    #expect(two == (1.0 + 2.0 / 3.0) / 2.0)
    // All equal: one step, whose precision is the share.
    #expect(AveragePrecision.of(scores: [1, 1, 1, 1], isPresent: [true, false, false, false]) == 0.25)
    #expect(AveragePrecision.of(scores: [1, 2], isPresent: [false, false]) == nil)
    #expect(AveragePrecision.of(scores: [], isPresent: []) == nil)
  }

  @Test func theWorstMissesComeFirst() throws {
    var tally = MultiLabelTask(threshold: 0.5).tally(classes: ["a", "b"])
    tally.add([[3, -1]], target: [0], index: 7)  // right
    tally.add([[2, -4]], target: [1], index: 8)  // a is not there, b is missed by more
    tally.add([[-0.5, 1]], target: [0, 1], index: 9)  // a is missed by a little
    let result = tally.evaluation(name: { "image \($0)" }, skipped: [])
    let evaluation = try #require(result as? MultiLabelEvaluation)
    #expect(evaluation.misses.map(\.index) == [8, 8, 9] && evaluation.misses.map(\.label) == [1, 0, 0])
    #expect(evaluation.misses.map(\.isPresent) == [true, false, true])
    #expect(abs(evaluation.misses[0].probability - 1 / (1 + exp(4.0))) < 1e-12)
    let pairs: [(z: Double, t: Double)] = [(3, 1), (-1, 0), (2, 0), (-4, 1), (-0.5, 1), (1, 1)]
    let losses = pairs.map { pair -> Double in
      let probability = 1 / (1 + exp(-pair.z))
      return -log(pair.t == 1 ? probability : 1 - probability)
    }
    #expect(abs(evaluation.loss - losses.reduce(0, +) / 6) < 1e-12)
    #expect(MultiLabelTask().decode([[-1000, 0, 1000]]) == [0, 0.5, 1])
  }

  // MARK: Runs

  @Test func learnsWhichColorsAreThere() throws {
    try Files.withScratch { folder in
      let recipe = TinyRun.recipe(epochs: 12) { ($0.averageDecay, $0.learningRate) = (nil, 0.4) }
      let trainer = try trainer(recipe, folder: folder)
      let result = try trainer.run()
      let evaluation = try #require(result.taskEvaluation as? MultiLabelEvaluation)
      #expect(result.evaluation == nil && evaluation.count == 16)
      let scores = result.records.compactMap { $0.metrics?["map"] }
      #expect(scores.count == 12 && scores[result.bestEpoch - 1] == scores.max())
      #expect(evaluation.score == scores.max())
      #expect(evaluation.meanAveragePrecision > 0.95, "\(evaluation.meanAveragePrecision)")
      #expect(result.records.allSatisfy { $0.validationTop5 == nil && $0.validationAccuracy != nil })
      // A class's gates are means over the images that it is on.
      #expect(result.gates.count == 1 && result.gates[0].means.count == 3)
      let run = try RunFolder(folder.path)
      #expect(try run.readMetrics() == result.records)
      let page = try String(contentsOfFile: run.file("report.html"), encoding: .utf8)
      for word in ["Validation mAP", "Worst misses", ">AP<", "micro F1", "average precision"] {
        #expect(page.contains(word), "\(word)")
      }
      #expect(!page.contains("Confusion"))
      // The task is a part of the run.
      let configuration = try String(contentsOfFile: run.file("config.json"), encoding: .utf8)
      #expect(configuration.contains("\"multiLabel\""))
      let other = #expect(throws: TrainingError.self) {
        try TinyRun.trainer(recipe, folder: folder) { $0.resumes = true }.run()
      }
      let text = "\(try #require(other))"
      #expect(text.contains("number of images") && text.contains("48"), "\(text)")
    }
  }

  /// Three steps on the engine against the definition, and nothing of them by the definition.
  @Test(arguments: [0.0, 0.1])
  func stepsOnTheEngineAreTheirDefinition(_ smoothing: Double) throws {
    let network = try TinyRun.architecture.graph(
      batch: 6, mode: .training, regularization: Regularization(dropout: 0))
    let task = MultiLabelTask()
    let step = try TrainingStep(
      network,
      StepOptions(
        task: task, loss: SigmoidCrossEntropyLoss(smoothing: smoothing),
        optimizer: .sgd(momentum: 0.9, nesterov: true), weightDecay: 1e-4))
    var trial = EngineTrial(
      graph: step.graph, state: try step.initialState(Parameters(initializing: network, seed: 3)))
    trial.steps = 3
    trial.fill = { name, number, floats in
      switch name {
      case PortName.rates: _ = floats.update(fromContentsOf: StepRates(learningRate: 0.2).values)
      case PortName.gradient(of: PortName.loss): floats[0] = 1
      case PortName.step: floats[0] = Float(number)
      case PortName.targets:
        for index in floats.indices { floats[index] = Float((index * 5 + number) % 3 == 0 ? 1 : 0) }
      default: return false
      }
      return true
    }
    try trial.compare()
    let session = try CPUBackend(threads: 1).makeTrainingSession(trial.graph, parameters: trial.state)
    #expect(session.referenceOps.isEmpty)
  }

  @Test func anInterruptedRunGoesOnToTheSameBits() throws {
    let recipe = TinyRun.recipe(epochs: 2)
    let whole = try trainer(recipe).run()
    try Files.withScratch { folder in
      let first = try trainer(recipe, folder: folder)
      var steps = 0
      #expect(throws: TrainingError.self) {
        try first.run(onStep: { _ in
          steps += 1
          if steps == 5 { first.stop() }
        })
      }
      let resumed = try trainer(recipe, folder: folder) { $0.resumes = true }.run()
      #expect(areIdentical(resumed.parameters, whole.parameters))
      #expect(
        resumed.taskEvaluation as? MultiLabelEvaluation == whole.taskEvaluation as? MultiLabelEvaluation)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    #expect(throws: TrainingError.wrongTargets(task: "multiLabel", wanted: "Array<Int>", got: "Int")) {
      try Trainer(
        .architecture(TinyRun.architecture),
        parameters: Parameters(initializing: TinyRun.architecture.graph(), seed: 1),
        backend: ReferenceBackend(), recipe: TinyRun.recipe(), task: MultiLabelTask(),
        data: TinyRun.data().anyTargets, preprocessing: TinyRun.preprocessing)
    }
    #expect(throws: TrainingError.self) { try trainer(TinyRun.recipe { $0.distillation = .init() }) }
    #expect(throws: TrainingError.missingOutput("logits", network: "x")) {
      var builder = GraphBuilder(name: "x")
      let x = builder.input("image", TensorType([2, 3]))
      builder.output("features", x)
      _ = try TrainingStep(try builder.finish(), StepOptions(optimizer: .sgd(momentum: 0)))
    }
  }

  // MARK: Storage

  /// A task of another package.
  private struct OwnTask: TrainingTask {
    static let name = "own"
    var power = 2
    var metrics: [TaskMetric] { [] }
    func encoding(of dataset: any ImageDataset<Int>) -> TargetEncoding { .oneClass(of: dataset) }
    func loss(of recipe: Recipe) throws -> any Loss { recipe.loss }
    func accuracy(_ outputs: [UnsafeBufferPointer<Float>], target: Int) -> Double { 0 }
    func classes(of target: Int) -> [Int] { [target] }
    func tally(classes: [String]) -> ClassificationTally { ClassificationTask().tally(classes: classes) }
    func decode(_ outputs: [[Float]]) -> Int { outputs.count }
  }

  @Test func tasksAreStoredByName() throws {
    let stored = StoredTask(MultiLabelTask(threshold: 0.25))
    let data = try JSONEncoder().encode(stored)
    #expect(try JSONDecoder().decode(StoredTask.self, from: data) == stored)
    #expect(throws: TrainingError.unknownTask("own")) { try JSONEncoder().encode(StoredTask(OwnTask())) }
    TaskCatalogue.register(OwnTask.self)
    let own = try JSONEncoder().encode(StoredTask(OwnTask(power: 3)))
    #expect(try JSONDecoder().decode(StoredTask.self, from: own) == StoredTask(OwnTask(power: 3)))
    #expect(throws: TrainingError.unknownTask("other")) {
      try JSONDecoder().decode(StoredTask.self, from: Data("{\"name\":\"other\",\"attributes\":{}}".utf8))
    }
  }
}
