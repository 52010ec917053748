// Model+Task.swift: what a model was trained for: stored in its file, used in training, evaluation and classification.

import SwiftletTraining

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Model {
  /// The key of the task in the metadata of our files; absent for ``ClassificationTask``.
  private static let taskKey = "swiftlet.task"

  /// The same model for another task: the meaning of its outputs changes, its weights do not.
  public func with(task: any TrainingTask) -> Model {
    var copy = self
    copy.task = task
    return copy
  }

  /// What ``save(to:)`` writes of the task.
  ///
  /// - Throws: ``TrainingError/unknownTask(_:)`` where nobody registered it: the file could not be read.
  func taskMetadata() throws -> [String: String] {
    task is ClassificationTask ? [:] : [Self.taskKey: try StableJSON.text(StoredTask(task))]
  }

  /// The task that a file's metadata name.
  ///
  /// - Throws: ``ModelError/badMetadata(file:key:reason:)``.
  static func task(_ metadata: [String: String], file: String) throws -> any TrainingTask {
    guard let text = metadata[taskKey] else { return ClassificationTask() }
    do {
      return try JSONDecoder().decode(StoredTask.self, from: Data(text.utf8)).task
    } catch let error as TrainingError {
      throw ModelError.badMetadata(file: file, key: taskKey, reason: "\(error)")
    } catch {
      throw ModelError.badMetadata(
        file: file, key: taskKey, reason: "it is not the JSON that Swiftlet writes")
    }
  }

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
    let own = task as? MultiLabelTask ?? MultiLabelTask()
    let evaluator = try Evaluator(
      .architecture(architecture), parameters: parameters, backend: engine,
      task: MultiLabelTask(threshold: threshold ?? own.threshold), batch: max(1, min(batch, dataset.count)))
    let known = try RelabeledImages(dataset, labels: labels, classes: architecture.classes) {
      labels, numbers in
      labels.map { numbers[$0] }
    }
    let evaluation = try evaluator.evaluate(known, preprocessing: preprocessing, threads: 2)
    guard let evaluation = evaluation as? MultiLabelEvaluation else {
      throw EvaluationError(description: "the evaluation is of another task")
    }
    return evaluation
  }
}

extension Trainer {
  /// Prepares to train a model for any task; with a folder its best weights are saved there as `model.safetensors`.
  ///
  /// - Parameters:
  ///   - model: where it starts from. It is given a new classifier where the images have another number of classes.
  ///   - recipe: how it is trained.
  ///   - task: what it is trained for.
  ///   - data: the images, with targets that the task takes.
  ///   - freeze: what of it stays as it is.
  ///   - folder: the run's folder; `nil` writes nothing.
  ///   - engine: threads and kernels; all processors and the fastest kernels if not given.
  ///   - options: the rest.
  /// - Throws: ``TrainingError`` where recipe, freeze, network, task and data do not fit together.
  public convenience init(
    _ model: Model, _ recipe: Recipe, task: any TrainingTask, on data: Split<any ImageDataset>,
    freeze: Freeze = .none, folder: String? = nil, engine: CPUBackend = .automatic,
    options: Options = Options()
  ) throws {
    let start = try model.withHead(classes: data.training.classes, seed: recipe.seed).with(task: task)
    // A task that nobody registered is refused now, and not after the first epoch.
    if folder != nil { _ = try start.taskMetadata() }
    var options = options
    options.writeModel =
      options.writeModel ?? { parameters, path in
        try Model(
          start.architecture, parameters: parameters, preprocessing: start.preprocessing, labels: start.labels
        ).with(task: task).save(to: path)
      }
    try self.init(
      .architecture(start.architecture), parameters: start.parameters, backend: engine, recipe: recipe,
      task: task, data: data, preprocessing: start.preprocessing, freeze: freeze, folder: folder,
      options: options)
  }
}

extension Classification {
  /// The classes whose probability is at least `threshold`, best first; of equal ones the lower index first.
  public func above(_ threshold: Double) -> [Prediction] {
    top(logits.count).filter { $0.probability >= threshold }
  }
}
