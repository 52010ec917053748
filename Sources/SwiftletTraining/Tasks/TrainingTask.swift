// TrainingTask.swift: what a network is trained for: targets, loss, metrics, and what its outputs mean.

import SwiftletArchitectures
import SwiftletData

/// A task: what the targets of images are, which outputs of a network are compared with them, by which loss, how good
/// the result is, and what the outputs mean. ``ClassificationTask`` and ``MultiLabelTask`` are the two that are built in.
///
/// One of your own is one struct that conforms. Register it with ``TaskCatalogue/register(_:)`` before a model or a
/// checkpoint that names it is written or read.
public protocol TrainingTask: Sendable, Hashable, Codable {
  /// What belongs to an image of the data sets that it takes.
  associatedtype Target: Sendable
  /// What is summed over the images of an evaluation.
  associatedtype Tally: TaskTally where Tally.Target == Target
  /// What the outputs for one image mean.
  associatedtype Prediction

  /// The name in files: `classification`.
  static var name: String { get }
  /// The network's outputs that loss, metrics and decoding read, in the order in which they are given to them.
  var outputs: [String] { get }
  /// What is measured on the validation images after each epoch, in the order to show.
  var metrics: [TaskMetric] { get }

  /// The inputs of a step that hold a batch's targets, in the order of the encoding's shapes.
  ///
  /// - Parameter outputs: the types of ``outputs``, for the batch.
  func targetInputs(for outputs: [TensorType]) -> [(name: String, type: TensorType)]
  /// How the targets of a data set become those inputs.
  func encoding(of dataset: any ImageDataset<Target>) -> TargetEncoding
  /// The loss that a recipe asks for.
  ///
  /// - Throws: ``TrainingError/badRecipe(_:)`` where the recipe asks for something that the task does not have.
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
  /// The share of an image's decisions that are right, in 0…1: what a progress line shows as accuracy.
  ///
  /// - Parameter outputs: the image's own part of each of ``outputs``.
  func accuracy(_ outputs: [UnsafeBufferPointer<Float>], target: Target) -> Double
  /// The classes that an image counts for in statistics by class.
  func classes(of target: Target) -> [Int]
  /// What an evaluation begins with.
  func tally(classes: [String]) -> Tally
  /// What the outputs for one image mean.
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

/// What is summed over the images of an evaluation.
public protocol TaskTally<Target> {
  associatedtype Target
  /// Adds an image.
  ///
  /// - Parameters:
  ///   - outputs: the image's own part of each of the task's outputs.
  ///   - target: its target.
  ///   - index: its index in the data set.
  mutating func add(_ outputs: [ArraySlice<Float>], target: Target, index: Int)
  /// What it comes to.
  ///
  /// - Parameters:
  ///   - name: what the data set calls an image.
  ///   - skipped: images that could not be read.
  mutating func evaluation(name: (Int) -> String, skipped: [SkippedFile]) -> any TaskEvaluation
}

/// What a network came to on a data set, in a task's own numbers.
public protocol TaskEvaluation: Sendable, Encodable {
  /// The names of the classes.
  var classes: [String] { get }
  /// How many images were seen.
  var count: Int { get }
  /// The mean loss.
  var loss: Double { get }
  /// The share of right decisions, as ``TrainingTask/accuracy(_:target:)`` counts them.
  var accuracy: Double { get }
  /// What the best epoch is chosen by: the larger the better.
  var score: Double { get }
  /// Values of the task's metrics that an ``EpochRecord`` has no field for, by ``TaskMetric/key``.
  var metrics: [String: Double] { get }
  /// Images that could not be read.
  var skipped: [SkippedFile] { get }
  /// Images that the report shows, by their index in the data set.
  var shownImages: [Int] { get }
  /// What follows the counts in a sentence: `it names 92.00% correctly`. HTML.
  var lead: String { get }
  /// The headline figures of a report without epochs: a name, a value and a detail each. HTML.
  var figures: [(name: String, value: String, detail: String)] { get }
  /// What is shown of the run's best: `92.00 % of 60 right`.
  var summary: String { get }
  /// Writes what the task measured into an epoch's record.
  func fill(_ record: inout EpochRecord)
  /// The parts of the report's page.
  ///
  /// - Parameter thumbnails: images for ``shownImages``, where there are some.
  func sections(thumbnails: [Int: Image]) -> [ReportSection]
}

extension TaskEvaluation {
  public var metrics: [String: Double] { [:] }
  public var shownImages: [Int] { [] }
  public var figures: [(name: String, value: String, detail: String)] { [] }
  public func sections(thumbnails: [Int: Image]) -> [ReportSection] { [] }

  public func fill(_ record: inout EpochRecord) {
    record.validationLoss = loss
    record.validationAccuracy = accuracy
    record.metrics = metrics.isEmpty ? nil : metrics
  }
}

/// Something that a task measures after each epoch.
public struct TaskMetric: Sendable, Hashable {
  /// The key in ``EpochRecord/metrics``; `accuracy` and `top5` are fields of their own.
  public var key: String
  /// What reports call it: `top-1`.
  public var title: String
  /// From how many classes on it says something.
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
  /// HTML, well-formed; text from data is to be escaped (``HTML/text(_:)``). Empty parts are left out.
  public var body: String

  /// Creates a part.
  public init(id: String, title: String, body: String) {
    self.id = id
    self.title = title
    self.body = body
  }
}
