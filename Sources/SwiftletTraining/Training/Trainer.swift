// Trainer.swift: trains a network: epochs, steps, validation, checkpoints.

import Dispatch
@_exported import SwiftletArchitectures
@_exported import SwiftletData
import Synchronization

/// Trains a network.
///
/// ```swift
/// for try await epoch in trainer.fit() { print(epoch) }
/// ```
///
/// The same network, starting weights, recipe and images give the same weights to the bit, whatever the number of threads, and
/// whether or not the run was interrupted and resumed.
public final class Trainer: Sendable {
  /// Settings outside the recipe: a loss and a teacher, which change the result of a run, and settings that do not change it.
  public struct Options: Sendable {
    /// The loss; that of the task for the recipe if `nil`.
    public var loss: (any Loss)?
    /// The network that the loss compares with.
    public var teacher: Teacher?
    /// Threads that decode images, beside those of the backend.
    public var loaderThreads = 2
    /// Batches that are prefetched.
    public var prefetch = 4
    /// Bytes that decoded images may take where all of a part fit: CIFAR-10 takes 180 MB.
    public var cacheBytes = 512 << 20
    /// Images in a batch of validation.
    public var validationBatch = 64
    /// Bytes of memory that the run may take; the limit of the machine, its control groups and `ulimit` if `nil`.
    public var memoryLimit: Int?
    /// Steps between checkpoints within an epoch; `nil` leaves it to ``checkpointSeconds``.
    public var checkpointSteps: Int?
    /// Seconds between checkpoints within an epoch.
    public var checkpointSeconds = 300.0
    /// Whether a run that the folder has is continued; where it has none, a new one begins.
    public var resumes = false
    /// The name of the data set in reports.
    public var dataName = "images"
    /// Further rows of the report's table of the configuration: the origin of the run.
    public var provenance: [(String, String)] = []
    /// The data set at a glance, for the report.
    package var overview: DataOverview?
    /// Writes the best weights as a model's file into the folder.
    public var writeModel: (@Sendable (Parameters, _ path: String) throws -> Void)?

    /// Creates the default options.
    public init() {}
  }

  /// The network.
  public let network: NetworkDefinition
  /// The weights that it starts from.
  public let parameters: Parameters
  /// The backend.
  public let backend: any TrainingBackend
  /// The recipe.
  public let recipe: Recipe
  /// The task.
  public let task: any TrainingTask
  /// The images that it is trained and validated on.
  public let data: Split<any ImageDataset>
  /// The preprocessing of images.
  public let preprocessing: Preprocessing
  /// The loss.
  public let loss: any Loss
  /// The frozen part of the network.
  public let freeze: Freeze
  /// The run's folder; `nil` writes nothing.
  public let folder: String?
  /// Further settings.
  public let options: Options

  /// The parts with their targets as the task takes them.
  let images: TaskImages, heldOut: TaskImages?, test: TaskImages?

  private let slowOps = Mutex<[String]>([])
  private let result = Mutex<TrainingResult?>(nil)
  private let isStopped = Atomic<Bool>(false)

  /// Prepares a run on images of one class each; nothing is read or written yet.
  ///
  /// - Throws: ``TrainingError`` where recipe, freeze and network do not fit together.
  public convenience init(
    _ network: NetworkDefinition, parameters: Parameters, backend: any TrainingBackend, recipe: Recipe,
    data: DatasetSplit, preprocessing: Preprocessing, freeze: Freeze = .none, folder: String? = nil,
    options: Options = Options()
  ) throws {
    try self.init(
      network, parameters: parameters, backend: backend, recipe: recipe, task: ClassificationTask(),
      data: data.anyTargets, preprocessing: preprocessing, freeze: freeze, folder: folder, options: options)
  }

  /// Prepares a run of any task; nothing is read or written yet.
  ///
  /// - Throws: ``TrainingError`` where recipe, freeze, network, task and data do not fit together.
  public init(
    _ network: NetworkDefinition, parameters: Parameters, backend: any TrainingBackend, recipe: Recipe,
    task: any TrainingTask, data: Split<any ImageDataset>, preprocessing: Preprocessing,
    freeze: Freeze = .none, folder: String? = nil, options: Options = Options()
  ) throws {
    try recipe.check()
    _ = try freeze.paths(in: network)
    guard recipe.earlyResolution == nil || network.architecture != nil else {
      throw TrainingError.badRecipe(
        "\(network.name) is a graph for images of \(network.resolution) pixels a side; leave earlyResolution out of its recipe"
      )
    }
    guard network.classes == data.training.classes.count else {
      throw TrainingError.wrongClasses(
        network: network.name, classes: network.classes, data: data.training.classes.count)
    }
    let loss = try options.loss ?? task.loss(of: recipe)
    let preprocessing = preprocessing.scaled(to: network.resolution)
    guard !loss.needsTeacher || options.teacher != nil else { throw TrainingError.noTeacher }
    try options.teacher?.check(for: network, preprocessing, classes: data.training.classes)
    images = try TaskImages(task, data.training)
    heldOut = try data.validation.map { try TaskImages(task, $0) }
    test = try data.test.map { try TaskImages(task, $0) }
    self.network = network
    self.parameters =
      recipe.whitensStem ?? false
      ? try StemWhitening.applied(to: parameters, of: network, recipe, data.training, preprocessing)
      : parameters
    self.backend = backend
    self.recipe = recipe
    self.task = task
    self.data = data
    self.preprocessing = preprocessing
    self.loss = loss
    self.freeze = freeze
    self.folder = folder
    self.options = options
  }

  /// The settings that the run's numbers depend on.
  package var identity: RunIdentity {
    RunIdentity(
      network: network, recipe: recipe, freeze: freeze, preprocessing: preprocessing,
      data: RunIdentity.DataIdentity(data), teacher: options.teacher, task: task, loss: loss)
  }

  /// Nodes of the step that the backend runs by their definition, because it has no fast path for them; known from the
  /// first step on.
  public var referenceOps: [String] { slowOps.withLock { $0 } }

  /// The same as a sentence; `nil` where there are none.
  public var referenceNote: String? {
    let ops = referenceOps
    guard !ops.isEmpty else { return nil }
    let some = ops.prefix(6).joined(separator: ", ") + (ops.count > 6 ? " and \(ops.count - 6) others" : "")
    return "no fast path in training, computed by definition on one thread: \(some)"
  }

  func noteReferenceOps(_ ops: [String]) { slowOps.withLock { $0 = ops } }

  /// The result of the run, once it is over.
  public var outcome: TrainingResult? { result.withLock { $0 } }

  /// The best weights (their average where the recipe keeps one), once the run is over.
  public var trained: Parameters? { outcome?.parameters }

  /// Ends the run after the step that it is at; a checkpoint is written where there is a folder. May be called from any thread.
  public func stop() { isStopped.store(true, ordering: .relaxed) }

  var shouldStop: Bool { isStopped.load(ordering: .relaxed) }

  /// Trains on a thread of its own, and gives each epoch when it is over. Leaving the loop stops the run, and so does canceling the
  /// task that iterates: its loop then ends with `CancellationError`.
  ///
  /// - Parameter onStep: called after each step, on the run's thread.
  /// - Returns: the epochs. It throws the errors of ``run(onStep:onEpoch:)``, `CancellationError`.
  public func fit(
    onStep: @escaping @Sendable (StepProgress) -> Void = { _ in }
  ) -> Epochs {
    let stream = AsyncThrowingStream<EpochRecord, any Error> { stream in
      stream.onTermination = { reason in
        if case .cancelled = reason { self.stop() }
      }
      DispatchQueue(label: "swiftlet.trainer").async {
        do {
          try self.run(onStep: onStep) { stream.yield($0) }
          stream.finish()
        } catch { stream.finish(throwing: error) }
      }
    }
    return Epochs(stream: stream)
  }

  /// The epochs of a run, in order.
  public struct Epochs: AsyncSequence, Sendable {
    let stream: AsyncThrowingStream<EpochRecord, any Error>

    /// Iterates over the epochs.
    public struct Iterator: AsyncIteratorProtocol {
      var base: AsyncThrowingStream<EpochRecord, any Error>.Iterator

      /// The next epoch; `nil` after the last one.
      ///
      /// - Throws: the errors of the run; `CancellationError` where the task is canceled, since the epochs are then not all.
      public mutating func next() async throws -> EpochRecord? {
        if let epoch = try await base.next() { return epoch }
        try Task.checkCancellation()
        return nil
      }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(base: stream.makeAsyncIterator()) }
  }

  /// Trains on the caller's thread.
  ///
  /// - Parameters:
  ///   - onStep: called after each step.
  ///   - onEpoch: called after each epoch, also once for those that a resumed run had done.
  /// - Returns: the result of the run.
  /// - Throws: ``TrainingError``; `AtomicFileError` and the like where a file cannot be written; a reading error where
  ///   too few images can be read.
  @discardableResult
  public func run(
    onStep: (StepProgress) throws -> Void = { _ in }, onEpoch: (EpochRecord) throws -> Void = { _ in }
  ) throws -> TrainingResult {
    // A run that was stopped can be run again.
    defer { isStopped.store(false, ordering: .relaxed) }
    let loop = try TrainingLoop(self)
    let outcome = try loop.run(onStep: onStep, onEpoch: onEpoch)
    result.withLock { $0 = outcome }
    return outcome
  }
}

/// The result of a run.
public struct TrainingResult: Sendable {
  /// The best weights: their average where the recipe keeps one.
  public let parameters: Parameters
  /// The epochs.
  public let records: [EpochRecord]
  /// The epoch, from 1, that the weights are from.
  public let bestEpoch: Int
  /// The validation of that epoch, in the task's own numbers; `nil` where there is none.
  public let taskEvaluation: (any TaskEvaluation)?
  /// The excitations of that validation.
  public let gates: [GateRecord]
  /// The evaluation of the best weights on the test part; `nil` where there is none.
  public let testEvaluation: (any TaskEvaluation)?
  /// Training images that could not be read.
  public let skipped: [SkippedFile]

  /// The validation of that epoch where the task is ``ClassificationTask``.
  public var evaluation: Evaluation? { taskEvaluation as? Evaluation }
}
