// Model+Task.swift: the task of a model: from a task to its file and back, in training and evaluation.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletInference
import SwiftletTraining

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension ModelTask {
  /// A task as a model's file has it.
  ///
  /// - Throws: ``TrainingError/unknownTask(_:)`` where it is not registered: the file could not be read.
  public init(_ task: any TrainingTask) throws {
    self =
      task is ClassificationTask
      ? .classification : try ModelTask(text: StableJSON.text(StoredTask(task)))
  }

  /// The task itself.
  ///
  /// - Throws: ``TrainingError/unknownTask(_:)`` where its name is not registered; `DecodingError` where its attributes
  ///   are not those of the task.
  public func trainingTask() throws -> any TrainingTask {
    guard let text else { return ClassificationTask() }
    return try JSONDecoder().decode(StoredTask.self, from: Data(text.utf8)).task
  }
}

extension Model {
  /// The same model for another task: the meaning of its outputs changes, its weights do not.
  ///
  /// - Throws: ``TrainingError/unknownTask(_:)`` where the task is not registered: the model could not be saved.
  public func with(task: any TrainingTask) throws -> Model { with(task: try ModelTask(task)) }

  /// Compares the model with images of any number of classes each.
  ///
  /// The data's classes are matched with the model's labels by name; a model without labels takes them in order.
  ///
  /// - Parameters:
  ///   - dataset: the images.
  ///   - threshold: the probability from which on a class counts as found; that of the model's task if `nil`.
  ///   - engine: threads and kernels; all processors and the fastest kernels if not given.
  ///   - batch: images at a time.
  /// - Throws: ``EvaluationError`` where a class is unknown to the model, ``TrainingError``, ``DatasetError`` where
  ///   nothing can be read.
  public func evaluate(
    on dataset: any ImageDataset<[Int]>, threshold: Double? = nil, engine: CPUBackend = .automatic,
    batch: Int = 64
  ) throws -> MultiLabelEvaluation {
    try evaluation(on: dataset, threshold: threshold, engine: engine, batch: batch) { _, _, _ in }.evaluation
  }

  /// The same with what a report shows.
  ///
  /// - Parameters:
  ///   - mirrors: whether outputs are averaged over an image and its mirror image.
  ///   - details: whether gates and pictures of mistakes are wanted.
  ///   - each: is called with the index, the classes by the evaluation's numbers, and the logits of each image.
  package func evaluation(
    on dataset: any ImageDataset<[Int]>, threshold: Double?, engine: CPUBackend, batch: Int,
    mirrors: Bool = false, details: Bool = false,
    each: (_ index: Int, _ labels: [Int], _ logits: [Float]) -> Void
  ) throws -> DetailedEvaluation<MultiLabelEvaluation> {
    try checkTakesImages()
    try checkHasClassifier()
    let own = try task.trainingTask() as? MultiLabelTask ?? MultiLabelTask()
    let evaluator = try Evaluator(
      definition, parameters: parameters, backend: engine,
      task: MultiLabelTask(threshold: threshold ?? own.threshold), batch: max(1, min(batch, dataset.count)),
      recordsGates: details, mirrors: mirrors)
    let matching = try ClassMatching(dataset.classes, labels: labels, count: classes)
    let known = RelabeledImages(dataset, matching) { labels, numbers in labels.map { numbers[$0] } }
    let (evaluation, gates) = try evaluator.evaluation(known, preprocessing: preprocessing, threads: 2) {
      index, logits in each(index, known.target(index), Array(logits))
    }
    guard let evaluation = evaluation as? MultiLabelEvaluation else {
      throw EvaluationError(description: "the evaluation is of another task")
    }
    return DetailedEvaluation(evaluation, gates: gates, images: known, shows: details)
  }
}

extension Trainer {
  /// Prepares to train a model for any task; with a folder its best weights are saved there as `model.safetensors`.
  ///
  /// - Parameters:
  ///   - model: the starting model. It is given a new classifier where the images have another number of classes.
  ///   - recipe: the recipe.
  ///   - task: the task.
  ///   - data: the images, with targets that the task takes.
  ///   - freeze: the frozen part of the network.
  ///   - folder: the run's folder; `nil` writes nothing.
  ///   - engine: threads and kernels; all processors and the fastest kernels if not given.
  ///   - options: further settings.
  /// - Throws: ``TrainingError`` where recipe, freeze, network, task and data do not fit together.
  public convenience init(
    _ model: Model, _ recipe: Recipe, task: any TrainingTask, on data: Split<any ImageDataset>,
    freeze: Freeze = .none, folder: String? = nil, engine: CPUBackend = .automatic,
    options: Options = Options()
  ) throws {
    // A task that is not registered is refused now, and not after the first epoch.
    let start = try model.withHead(classes: data.training.classes, seed: recipe.seed).with(task: task)
    try start.checkTakesImages()
    var options = options
    options.writeModel =
      options.writeModel ?? { parameters, path in
        try start.with(parameters).save(to: path)
      }
    try self.init(
      start.definition, parameters: start.parameters, backend: engine, recipe: recipe,
      task: task, data: data, preprocessing: start.preprocessing, freeze: freeze, folder: folder,
      options: options)
  }
}
