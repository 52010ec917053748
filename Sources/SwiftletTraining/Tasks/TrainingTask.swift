// TrainingTask.swift: the protocol of tasks: targets, loss, metrics, and the meaning of outputs.

import SwiftletArchitectures
import SwiftletData

/// A task: the targets of images, the outputs that are compared with them, the loss, the metrics, and the meaning of the
/// outputs. ``ClassificationTask`` and ``MultiLabelTask`` are built in.
///
/// One of your own is one struct that conforms. Register it with ``TaskCatalogue/register(_:)`` before a model or a
/// checkpoint that names it is written or read.
public protocol TrainingTask: Sendable, Hashable, Codable {
  /// The target of an image.
  associatedtype Target: Sendable
  /// The sums over the images of an evaluation.
  associatedtype Tally: TaskTally where Tally.Target == Target
  /// The meaning of the outputs for one image.
  associatedtype Prediction

  /// The name in files: `classification`.
  static var name: String { get }
  /// The network's outputs that loss, metrics and decoding read, in the order in which they are given to them.
  var outputs: [String] { get }
  /// The metrics of the validation images after each epoch, in the order in which they are shown.
  var metrics: [TaskMetric] { get }

  /// The inputs of a step that hold a batch's targets, in the order of the encoding's shapes.
  ///
  /// - Parameter outputs: the types of ``outputs``, for the batch.
  func targetInputs(for outputs: [TensorType]) -> [(name: String, type: TensorType)]
  /// The encoding of a data set's targets as those inputs.
  func encoding(of dataset: any ImageDataset<Target>) -> TargetEncoding
  /// The loss of a recipe.
  ///
  /// - Throws: ``TrainingError/badRecipe(_:)`` where the recipe has a part that the task does not support.
  func loss(of recipe: Recipe) throws -> any Loss
  /// Emits the loss.
  ///
  /// - Parameters:
  ///   - loss: the run's loss.
  ///   - outputs: the values of ``outputs``.
  ///   - targets: the values of ``targetInputs(for:)``.
  ///   - teacher: another network's first output, where the loss needs one.
  /// - Returns: a scalar: the mean over the batch.
  func emit(
    _ loss: any Loss, outputs: [Value], targets: [Value], teacher: Value?, in graph: inout GraphBuilder
  ) throws -> Value
  /// The share of an image's decisions that are right, in 0…1: the accuracy of a progress line.
  ///
  /// - Parameter outputs: the image's own part of each of ``outputs``.
  func accuracy(_ outputs: [UnsafeBufferPointer<Float>], target: Target) -> Double
  /// The classes that an image counts for in statistics by class.
  func classes(of target: Target) -> [Int]
  /// The empty sums at the start of an evaluation.
  func tally(classes: [String]) -> Tally
  /// The meaning of the outputs for one image.
  func decode(_ outputs: [[Float]]) -> Prediction
}

extension TrainingTask {
  public var outputs: [String] { [PortName.logits] }

  public func targetInputs(for outputs: [TensorType]) -> [(name: String, type: TensorType)] {
    outputs.prefix(1).map { (PortName.targets, $0) }
  }

  public func emit(
    _ loss: any Loss, outputs: [Value], targets: [Value], teacher: Value?, in graph: inout GraphBuilder
  ) throws -> Value {
    guard let logits = outputs.first, let target = targets.first else {
      throw TrainingError.badTask(Self.name, reason: "it has no output or no targets")
    }
    return try loss.emit(logits: logits, targets: target, teacher: teacher, in: &graph)
  }
}

/// Sums over the images of an evaluation.
public protocol TaskTally<Target> {
  associatedtype Target
  /// Adds an image.
  ///
  /// - Parameters:
  ///   - outputs: the image's own part of each of the task's outputs.
  ///   - target: its target.
  ///   - index: its index in the data set.
  mutating func add(_ outputs: [ArraySlice<Float>], target: Target, index: Int)
  /// The result.
  ///
  /// - Parameters:
  ///   - name: the name of an image in the data set.
  ///   - skipped: images that could not be read.
  mutating func evaluation(name: (Int) -> String, skipped: [SkippedFile]) -> any TaskEvaluation
}

/// The result of an evaluation, in a task's own numbers.
public protocol TaskEvaluation: Sendable, Encodable {
  /// The names of the classes.
  var classes: [String] { get }
  /// The number of images.
  var count: Int { get }
  /// The mean loss.
  var loss: Double { get }
  /// The share of right decisions, as ``TrainingTask/accuracy(_:target:)`` counts them.
  var accuracy: Double { get }
  /// The number by which the best epoch is chosen: the larger the better.
  var score: Double { get }
  /// Values of the task's metrics that an ``EpochRecord`` has no field for, by ``TaskMetric/key``.
  var metrics: [String: Double] { get }
  /// Images that could not be read.
  var skipped: [SkippedFile] { get }
  /// Images that the report shows, by their index in the data set.
  var shownImages: [Int] { get }
  /// The end of the report's first sentence: `it names 92.00% correctly`. HTML.
  var lead: String { get }
  /// The headline figures of a report without epochs: a name, a value and a detail each. HTML.
  var figures: [(name: String, value: String, detail: String)] { get }
  /// A few words for the best epoch: `92.00 % of 60 right`.
  var summary: String { get }
  /// Writes the values into an epoch's record.
  func fill(_ record: inout EpochRecord)
  /// The parts of the report's page.
  ///
  /// - Parameter thumbnails: images for ``shownImages``, where there are some.
  func sections(thumbnails: [Int: RGBImage]) -> [ReportSection]
}

extension TaskEvaluation {
  public var metrics: [String: Double] { [:] }
  public var shownImages: [Int] { [] }
  public var figures: [(name: String, value: String, detail: String)] { [] }
  public func sections(thumbnails: [Int: RGBImage]) -> [ReportSection] { [] }

  public func fill(_ record: inout EpochRecord) {
    record.validationLoss = loss
    record.validationAccuracy = accuracy
    record.metrics = metrics.isEmpty ? nil : metrics
  }
}

/// A metric of a task, measured after each epoch.
public struct TaskMetric: Sendable, Hashable {
  /// The key in ``EpochRecord/metrics``; `accuracy` and `top5` are fields of their own.
  public var key: String
  /// Its name in reports: `top-1`.
  public var title: String
  /// The least number of classes for which it is meaningful.
  public var leastClasses: Int

  /// Creates a metric.
  public init(_ key: String, title: String, leastClasses: Int = 0) {
    self.key = key
    self.title = title
    self.leastClasses = leastClasses
  }

  /// The value after an epoch; `nil` where it was not measured.
  public func value(in record: EpochRecord) -> Double? {
    switch key {
    case "accuracy": record.validationAccuracy
    case "top5": record.validationTop5
    default: record.metrics?[key]
    }
  }
}

/// A part of a report's page.
public struct ReportSection: Sendable {
  /// Its address on the page, unique: `classes`.
  public var id: String
  /// Its heading.
  public var title: String
  /// HTML, well-formed; text from data is to be escaped (`HTML/text(_:)`). Empty parts are left out.
  public var body: String

  /// Creates a part.
  public init(id: String, title: String, body: String) {
    self.id = id
    self.title = title
    self.body = body
  }
}
