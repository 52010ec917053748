// Model+Training.swift: training of models, and its results.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

extension Model {
  /// A network with seeded starting weights.
  ///
  /// - Parameters:
  ///   - architecture: the network, of as many classes as there are labels.
  ///   - labels: names of the classes.
  ///   - seed: decides the weights.
  /// - Throws: ``ArchitectureError``, ``GraphError``.
  public static func untrained(_ architecture: Architecture, labels: [String], seed: UInt64) throws -> Model {
    try Model(
      architecture, parameters: try Parameters(initializing: architecture.graph(), seed: seed),
      labels: labels)
  }

  /// A network that starts from the weights of another one: all of the same name and shape are taken over, the others are seeded. A
  /// stem of another stride, or another resolution, keeps every shape.
  ///
  /// - Parameters:
  ///   - architecture: the network, of as many classes as there are labels.
  ///   - other: the source of starting weights and normalization.
  ///   - labels: names of the classes.
  ///   - seed: decides the new weights.
  /// - Throws: ``ParametersError`` where less than half of the weights can be taken over: it is another network.
  public static func untrained(
    _ architecture: Architecture, startingFrom other: Model, labels: [String], seed: UInt64
  ) throws -> Model {
    var parameters = Parameters()
    var taken = 0
    var problems: [ParametersError.Problem] = []
    let specs = try architecture.graph().parameters
    for spec in specs {
      if let old = other.parameters[spec.name], old.shape == spec.shape, other.has(spec.name) {
        parameters[spec.name] = old
        taken += 1
      } else {
        parameters[spec.name] = try spec.initialTensor(seed: seed)
        problems.append(
          .init(name: spec.name, expected: spec.shape, found: other.parameters[spec.name]?.shape))
      }
    }
    guard 2 * taken >= specs.count else {
      throw ParametersError(network: architecture.name, problems: problems)
    }
    return try Model(architecture, parameters: parameters, labels: labels)
  }

  /// The same network for other classes: a new classifier where their number differs or the file had none, all other weights
  /// kept.
  ///
  /// - Parameters:
  ///   - classes: names of the classes.
  ///   - seed: decides the new classifier's weights.
  /// - Throws: ``ArchitectureError`` where no network has so many classes, ``GraphError/noClassifier(graph:reason:)`` where a
  ///   graph's logits do not come from a layer of their own.
  public func withHead(classes: [String], seed: UInt64 = 1) throws -> Model {
    let other = try definition.with(classes: classes.count)
    var parameters = Parameters()
    for spec in try other.graph().parameters {
      if let old = self.parameters[spec.name], old.shape == spec.shape, has(spec.name) {
        parameters[spec.name] = old
      } else {
        parameters[spec.name] = try spec.initialTensor(seed: seed)
      }
    }
    return try Model(other, parameters: parameters, preprocessing: preprocessing, labels: classes)
      .with(task: task)
  }
}

extension Trainer.Teacher {
  /// A model as teacher.
  ///
  /// - Throws: ``ModelError`` where the model's file had no classifier: it has nothing to teach.
  public init(_ model: Model) throws {
    try model.checkHasClassifier()
    self.init(
      model.definition, parameters: model.parameters, preprocessing: model.preprocessing,
      labels: model.labels.isEmpty ? nil : model.labels)
  }
}

extension Trainer {
  /// Prepares to train a model; with a folder its best weights are saved there as `model.safetensors`.
  ///
  /// - Parameters:
  ///   - model: the starting model. It is given a new classifier where the images have another number of classes.
  ///   - recipe: the recipe.
  ///   - data: the images.
  ///   - freeze: the frozen part of the network.
  ///   - folder: the run's folder; `nil` writes nothing.
  ///   - engine: threads and kernels; all processors and the fastest kernels if not given.
  ///   - options: further settings.
  /// - Throws: ``TrainingError`` where recipe, freeze and network do not fit together.
  public convenience init(
    _ model: Model, _ recipe: Recipe, on data: DatasetSplit, freeze: Freeze = .none, folder: String? = nil,
    engine: CPUBackend = .automatic, options: Options = Options()
  ) throws {
    try self.init(
      model, recipe, task: ClassificationTask(), on: data.anyTargets, freeze: freeze, folder: folder,
      engine: engine, options: options)
  }

  /// The trained model: the best weights; `nil` before the run is over.
  ///
  /// - Throws: never in practice: the weights are the network's.
  public func model() throws -> Model? {
    try trained.map {
      try Model(network, parameters: $0, preprocessing: preprocessing, labels: data.training.classes)
        .with(task: task)
    }
  }
}

extension Model {
  /// Predicts the classes of labeled images and compares them with the labels.
  ///
  /// The data's classes are found among the model's labels by name; a model without labels takes them in order.
  ///
  /// - Parameters:
  ///   - dataset: the images.
  ///   - engine: threads and kernels; all processors and the fastest kernels if not given.
  ///   - batch: images at a time.
  ///   - each: is called with the index, the class by the evaluation's numbers, and the logits of each image.
  /// - Throws: ``EvaluationError`` where a class is unknown to the model, ``DatasetError`` where nothing can be read.
  public func evaluate(
    on dataset: any Dataset, engine: CPUBackend = .automatic, batch: Int = 64,
    each: (_ index: Int, _ label: Int, _ logits: [Float]) -> Void = { _, _, _ in }
  ) throws -> Evaluation {
    let matching = try ClassMatching(dataset.classes, labels: labels, count: classes)
    return try evaluation(on: dataset, matching: matching, engine: engine, batch: batch, each: each)
      .evaluation
  }

  /// The same with classes that are matched already, and with what a report shows. Images of classes that the model does not know are
  /// left out.
  ///
  /// - Parameters:
  ///   - mirrors: whether outputs are averaged over an image and its mirror image.
  ///   - details: whether gates and pictures of mistakes are wanted.
  package func evaluation(
    on dataset: any Dataset, matching: ClassMatching, engine: CPUBackend, batch: Int, mirrors: Bool = false,
    details: Bool = false, each: (_ index: Int, _ label: Int, _ logits: [Float]) -> Void
  ) throws -> DetailedEvaluation<Evaluation> {
    try checkTakesImages()
    try checkHasClassifier()
    let known = (0..<dataset.count).filter { matching.numbers[dataset.label($0)] != nil }
    let images: any Dataset = known.count == dataset.count ? dataset : try Subset(dataset, indices: known)
    guard images.count > 0 else {
      throw EvaluationError(description: "the data have no image of a class that the model knows")
    }
    let evaluator = try Evaluator(
      definition, parameters: parameters, backend: engine, batch: max(1, min(batch, images.count)),
      recordsGates: details, mirrors: mirrors)
    let relabeled = RelabeledImages(images, matching) { $1[$0] }
    let (evaluation, gates) = try evaluator.run(
      on: relabeled, preprocessing: preprocessing, threads: 2,
      each: { index, logits in each(known[index], relabeled.label(index), Array(logits)) })
    return DetailedEvaluation(evaluation, gates: gates, images: images, shows: details)
  }
}

/// An evaluation with what a report shows of it.
package struct DetailedEvaluation<Result: TaskEvaluation>: Sendable {
  package let evaluation: Result
  /// The excitations of squeeze-and-excite.
  package let gates: [GateRecord]
  /// The images that the evaluation shows, by their index.
  package let pictures: [Int: RGBImage]

  init(_ evaluation: Result, gates: [GateRecord], images: any ImageDataset, shows: Bool) {
    (self.evaluation, self.gates) = (evaluation, gates)
    pictures =
      shows
      ? Dictionary(
        evaluation.shownImages.compactMap { index in (try? images.image(index)).map { (index, $0) } }
      ) { first, _ in first } : [:]
  }

  /// The page of a model on a data set.
  package func report(model: Model, dataset: String, configuration: [(String, String)]) -> String {
    var report = TrainingReport(
      title: "\(model.name) on \(dataset)", network: model.name, dataset: dataset,
      configuration: configuration, evaluation: evaluation, gates: gates, thumbnails: pictures)
    report.kicker = "Evaluation"
    return report.html()
  }
}
