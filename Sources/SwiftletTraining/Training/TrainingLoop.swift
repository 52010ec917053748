// TrainingLoop.swift: the plain loop over epochs and steps. One thread runs it.

import SwiftletArchitectures
import SwiftletData

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A run in progress.
final class TrainingLoop {
  private let trainer: Trainer
  private let identity: RunIdentity
  /// The step at the epoch's resolution.
  private var bound: BoundStep
  private let files: CheckpointFolder?
  private let training: TaskImages
  private let validation: TaskImages?
  /// The weight of each class in the loss, where rare classes weigh as much as frequent ones.
  private let classWeights: [Float]?
  private var teacher: (any Session & ~Copyable)?
  private let teacherInputs: TeacherInputs?

  private var progress: RunProgress
  /// The best weights so far, where this process has seen them.
  private var best: Parameters?
  private var evaluation: (any TaskEvaluation, [GateRecord])?
  private var testEvaluation: (any TaskEvaluation)?
  private var layers = LayerProbe()
  private var skipped: [SkippedFile] = []
  private var validationSeconds = 0.0
  private var lastCheckpoint = ContinuousClock.now

  private var recipe: Recipe { trainer.recipe }
  /// Updates and steps in an epoch; images that do not fill an update are left out, others each time.
  private let updatesPerEpoch: Int
  private var stepsPerEpoch: Int { updatesPerEpoch * recipe.accumulation }

  private var step: TrainingStep { bound.step }
  private var session: any TrainingSession { bound.session }
  private var inputs: BoundStep.Inputs { bound.inputs }
  private var outputs: BoundStep.Outputs { bound.outputs }

  init(_ trainer: Trainer) throws {
    self.trainer = trainer
    let recipe = trainer.recipe
    let (batch, count) = (recipe.batch, trainer.data.training.count)
    updatesPerEpoch = count / batch / recipe.accumulation
    guard updatesPerEpoch > 0 else {
      throw TrainingError.batchTooLarge(
        batch: batch, accumulation: recipe.accumulation, images: count)
    }
    identity = trainer.identity
    files = try trainer.folder.map { try CheckpointFolder($0) }
    var state: Parameters?
    progress = RunProgress()
    if let files, CheckpointFolder.exists(files.last) {
      guard trainer.options.resumes else { throw TrainingError.folderInUse(files.run.path) }
      let checkpoint = try Checkpoint(contentsOf: files.last)
      try identity.check(against: checkpoint.identity, file: files.last)
      guard checkpoint.progress.epochs <= recipe.epochs else {
        throw TrainingError.badRecipe(
          "\(files.run.path) has \(checkpoint.progress.epochs) epochs already; \(recipe.epochs) are fewer")
      }
      progress = checkpoint.progress
      state = checkpoint.state
    }

    let full = trainer.network.resolution
    let resolution = recipe.resolution(inEpoch: progress.epochs, full: full)
    if resolution != full { try BoundStep.checkMemory(trainer, resolution: full) }
    bound = try BoundStep(trainer, resolution: resolution, state: state)
    trainer.noteReferenceOps(bound.session.referenceOps)
    teacherInputs = trainer.options.teacher?.inputs(from: trainer.preprocessing)
    if let teacher = trainer.options.teacher, bound.inputs.teacher != nil {
      let graph = try teacher.network.graph(batch: batch).withOutputs([PortName.logits])
      self.teacher = try trainer.backend.compile(graph, parameters: teacher.parameters).makeSession()
    } else {
      teacher = nil
    }
    func cached(_ images: TaskImages) throws -> TaskImages {
      try images.cached(
        atMost: trainer.options.cacheBytes, threads: trainer.options.loaderThreads, for: trainer.task)
    }
    training = try cached(trainer.images)
    classWeights =
      recipe.balancesClasses ?? false ? try ClassWeights.balanced(trainer.images, for: trainer.task) : nil
    validation = try trainer.heldOut.map(cached)
  }

  func run(onStep: (StepProgress) throws -> Void, onEpoch: (EpochRecord) throws -> Void) throws
    -> TrainingResult
  {
    try files?.run.writeConfiguration(identity)
    for record in progress.records { try onEpoch(record) }
    while progress.epochs < recipe.epochs, endOfRun == nil {
      try runSteps(onStep)
      try finishEpoch()
      if let record = progress.records.last { try onEpoch(record) }
    }
    return try finish()
  }

  /// The reason to end the run before its last epoch; `nil` where there is none.
  private var endOfRun: String? {
    guard let best = progress.best else { return nil }
    if let target = recipe.targetScore, let score = best.score, score >= target {
      return "The score of \(Format.fixed(100 * target, 2)) % was reached in epoch \(best.epoch)."
    }
    if let patience = recipe.patience, progress.epochs - best.epoch >= patience {
      return "Stopped early: no epoch after epoch \(best.epoch) was better, and the patience is \(patience)."
    }
    return nil
  }

  // MARK: Steps

  /// The batches of the epoch after those that are done.
  private func loader(startBatch: Int) -> BatchLoader {
    BatchLoader(
      training.images, targets: training.encoding,
      preprocessing: trainer.preprocessing.scaled(to: bound.resolution),
      augmentation: recipe.augmentation, mixing: recipe.mixing, batch: recipe.batch, seed: recipe.seed,
      epoch: progress.epochs, startBatch: startBatch, shuffles: true, dropsLast: true,
      threads: trainer.options.loaderThreads, prefetch: trainer.options.prefetch)
  }

  private func runSteps(_ onStep: (StepProgress) throws -> Void) throws {
    // All steps may be done: a run that was stopped during validation.
    guard progress.steps < stepsPerEpoch else { return }
    let resolution = recipe.resolution(inEpoch: progress.epochs, full: trainer.network.resolution)
    if resolution != bound.resolution {
      bound = try BoundStep(trainer, resolution: resolution, state: session.parameters())
    }
    let loader = loader(startBatch: progress.steps)
    let (before, waitedBefore, start) = (progress.seconds, progress.waitingSeconds, ContinuousClock.now)
    while progress.steps < stepsPerEpoch, let batch = try loader.next() {
      try run(batch)
      progress.seconds = before + start.duration(to: .now).inSeconds
      progress.waitingSeconds = waitedBefore + loader.waitingSeconds
      try onStep(stepProgress)
      if trainer.shouldStop {
        try checkpoint()
        throw stopped()
      }
      if progress.steps < stepsPerEpoch, isCheckpointDue { try checkpoint() }
    }
    skipped += loader.skipped.filter { !skipped.contains($0) }
  }

  /// Adds a point to the curves over steps, so that a run has up to ``StepPoint/most``.
  private func addPoint() {
    let total = updatesPerEpoch * recipe.epochs
    let every = (total + StepPoint.most - 1) / StepPoint.most
    guard progress.updates % max(every, 1) == 0, let loss = progress.smoothedLoss else { return }
    progress.curve =
      (progress.curve ?? []) + [
        StepPoint(step: progress.updates, loss: loss, learningRate: progress.learningRate)
      ]
  }

  /// Runs a step, and gives its loss.
  ///
  /// - Parameter rate: the learning rate; the schedule's if `nil`.
  @discardableResult
  private func run(_ batch: Batch, rate: Double? = nil) throws -> Double {
    var rates = recipe.rates(
      update: progress.updates, part: progress.steps % recipe.accumulation, perEpoch: updatesPerEpoch)
    if let rate { rates.learningRate = rate }
    fill(inputs.image, batch.images)
    for (index, tensor) in zip(inputs.targets, batch.targetTensors) {
      fill(index, tensor)
      guard let classWeights else { continue }
      session.withInput(index) { target in
        for i in target.indices { target[i] *= classWeights[i % classWeights.count] }
      }
    }
    if let index = inputs.step { fill(index, [Float(progress.step)]) }
    fill(inputs.rates, rates.values)
    fill(inputs.scale, [1 / Float(recipe.accumulation)])
    if let index = inputs.teacher {
      let images = try teacherInputs?(batch.images) ?? batch.images
      if let logits = try teacher?.run([images])[0] { fill(index, logits) }
    }
    try session.run()
    let loss = session.withOutput(outputs.loss) { Double($0[0]) }
    let norm = session.withOutput(outputs.norm) { Double($0[0]) }
    for (what, value) in [("the loss", loss), ("the norm of the gradients", norm)] where !value.isFinite {
      throw notANumber(what, rates.learningRate)
    }
    progress.correct += withOutputs(outputs.task[...]) { training.accuracy($0, batch) }
    progress.lossSum += loss * Double(recipe.batch)
    progress.seen += recipe.batch
    progress.learningRate = rates.learningRate
    progress.steps += 1
    progress.step += 1
    progress.smoothedLoss = progress.smoothedLoss.map { 0.95 * $0 + 0.05 * loss } ?? loss
    if rates.applies {
      progress.updates += 1
      addPoint()
    }
    return loss
  }

  /// Trains with a learning rate that grows by the same factor from update to update, until the loss is four times its least or
  /// all updates are done.
  func findRate(
    from lowest: Double, to highest: Double, updates: Int, onPoint: (RateRangeTest.Point) throws -> Void
  ) throws -> [RateRangeTest.Point] {
    var points: [RateRangeTest.Point] = []
    var (average, least) = (0.0, Double.infinity)
    let keep = 0.9
    while points.count < updates {
      let loader = loader(startBatch: 0)
      progress.steps = 0
      progress.epochs += 1
      var (sum, parts) = (0.0, 0)
      while points.count < updates, progress.steps < stepsPerEpoch, let batch = try loader.next() {
        if trainer.shouldStop { return points }
        let share = Double(points.count) / Double(max(updates - 1, 1))
        let rate = lowest * pow(highest / lowest, share)
        do { sum += try run(batch, rate: rate) } catch TrainingError.notANumber { return points }
        parts += 1
        guard parts == recipe.accumulation else { continue }
        average = keep * average + (1 - keep) * sum / Double(parts)
        (sum, parts) = (0, 0)
        // Without the division the average would begin near 0.
        let smoothed = average / (1 - pow(keep, Double(points.count + 1)))
        let point = RateRangeTest.Point(learningRate: rate, loss: smoothed)
        points.append(point)
        try onPoint(point)
        least = min(least, smoothed)
        if smoothed > 4 * least { return points }
      }
    }
    return points
  }

  /// Gives several outputs of the step at once.
  private func withOutputs<Result>(
    _ indices: ArraySlice<Int>, _ given: [UnsafeBufferPointer<Float>] = [],
    _ body: ([UnsafeBufferPointer<Float>]) -> Result
  ) -> Result {
    guard let first = indices.first else { return body(given) }
    return session.withOutput(first) { withOutputs(indices.dropFirst(), given + [$0], body) }
  }

  private func fill(_ index: Int, _ values: [Float]) {
    session.withInput(index) { target in for (i, value) in values.enumerated() { target[i] = value } }
  }

  private func fill(_ index: Int, _ tensor: Tensor) {
    session.withInput(index) { target in
      tensor.withFloats { _ = target.update(fromContentsOf: $0) }
    }
  }

  private var stepProgress: StepProgress {
    let seen = Double(max(progress.seen, 1))
    let secondsPerStep = progress.seconds / Double(max(progress.steps, 1))
    let epochsLeft = recipe.epochs - progress.epochs
    // Steps of this resolution: one of more pixels takes as much longer.
    let full = trainer.network.resolution
    let stepsLeft = (progress.epochs..<max(recipe.epochs, progress.epochs)).reduce(-Double(progress.steps)) {
      let share = Double(recipe.resolution(inEpoch: $1, full: full)) / Double(bound.resolution)
      return $0 + share * share * Double(stepsPerEpoch)
    }
    return StepProgress(
      epoch: progress.epochs + 1, epochs: recipe.epochs, step: progress.steps, steps: stepsPerEpoch,
      loss: progress.lossSum / seen, accuracy: progress.correct / seen,
      learningRate: progress.learningRate, imagesPerSecond: seen / max(progress.seconds, 1e-9),
      secondsLeft: stepsLeft * secondsPerStep + Double(epochsLeft) * validationSeconds)
  }

  // MARK: Epochs

  private func finishEpoch() throws {
    let averaged = recipe.averageDecay != nil
    let state = try session.parameters()
    let weights = step.network(state, averaged: averaged, start: trainer.parameters)
    let seen = Double(max(progress.seen, 1))
    var record = EpochRecord(
      epoch: progress.epochs + 1, step: progress.updates, learningRate: progress.learningRate,
      trainingLoss: progress.lossSum / seen, trainingAccuracy: progress.correct / seen,
      imagesPerSecond: Double(progress.seen) / max(progress.seconds, 1e-9),
      trainingSeconds: progress.seconds, validationSeconds: 0,
      waitingShare: progress.waitingSeconds / max(progress.seconds, 1e-9))
    var (evaluated, score): ((any TaskEvaluation, [GateRecord])?, Double?)
    if validation != nil {
      let start = ContinuousClock.now
      let (evaluation, gates) = try evaluate(weights)
      validationSeconds = start.duration(to: .now).inSeconds
      guard evaluation.loss.isFinite else {
        throw notANumber("the validation loss", progress.learningRate)
      }
      evaluation.fill(&record)
      record.validationSeconds = validationSeconds
      (evaluated, score) = ((evaluation, gates), evaluation.score)
    }
    var next = RunProgress()
    next.epochs = progress.epochs + 1
    next.step = progress.step
    next.updates = progress.updates
    next.learningRate = progress.learningRate
    next.records = progress.records + [record]
    next.best = progress.best
    (next.smoothedLoss, next.curve) = (progress.smoothedLoss, progress.curve)
    let candidate = RunProgress.Best(
      epoch: record.epoch, score: score,
      loss: record.validationLoss ?? record.trainingLoss)
    let isBest = candidate.isBetter(than: progress.best)
    if isBest {
      next.best = candidate
      best = weights
      evaluation = evaluated
    }
    progress = next
    guard let files else { return }
    // The last checkpoint comes last: a run that is killed before it does the end of the epoch again, and nothing is left out.
    let checkpoint = Checkpoint(identity: identity, progress: progress, state: state)
    if isBest {
      try checkpoint.write(to: files.best)
      try trainer.options.writeModel?(weights, files.run.file(Trainer.modelName))
    }
    try files.run.writeMetrics(progress.records)
    try files.run.writeSteps(progress.curve ?? [])
    try files.run.writeEvents(progress.records, curve: progress.curve ?? [])
    try files.run.writeReport(report(evaluation ?? evaluated))
    try checkpoint.write(to: files.last)
    lastCheckpoint = .now
  }

  private func evaluate(_ weights: Parameters) throws -> (any TaskEvaluation, [GateRecord]) {
    guard let validation else { throw TrainingError.badRecipe("there are no images to validate on") }
    return try evaluate(weights, on: validation, recordsGates: true)
  }

  private func evaluate(
    _ weights: Parameters, on images: TaskImages, recordsGates: Bool
  ) throws -> (any TaskEvaluation, [GateRecord]) {
    let evaluator = try Evaluator(
      trainer.network, parameters: weights, backend: trainer.backend, task: trainer.task,
      batch: min(trainer.options.validationBatch, images.images.count), recordsGates: recordsGates,
      mirrors: recipe.mirrorsEvaluation ?? false,
      memoryLimit: trainer.options.memoryLimit)
    do {
      return try evaluator.run(
        images, preprocessing: trainer.preprocessing, threads: trainer.options.loaderThreads,
        prefetch: trainer.options.prefetch, shouldStop: { trainer.shouldStop })
    } catch is CancellationError {
      try checkpoint()
      throw stopped()
    }
  }

  private func finish() throws -> TrainingResult {
    guard let chosen = progress.best else { throw TrainingError.badRecipe("there are no epochs") }
    if best == nil, let files {
      // Another process saw the best epoch.
      let checkpoint = try Checkpoint(contentsOf: files.best)
      try identity.check(against: checkpoint.identity, file: files.best)
      best = step.network(
        checkpoint.state, averaged: recipe.averageDecay != nil, start: trainer.parameters)
    }
    guard let best else { throw TrainingError.badRecipe("there are no epochs") }
    if evaluation == nil, validation != nil { evaluation = try evaluate(best) }
    // Once, and with the weights that are chosen.
    testEvaluation = try trainer.test.map { try evaluate(best, on: $0, recordsGates: false).0 }
    if let files {
      if let images = trainer.heldOut?.images {
        layers = try LayerProbe(
          trainer.network, parameters: best, backend: trainer.backend, images: images,
          preprocessing: trainer.preprocessing)
      }
      if let testEvaluation { try files.run.writeTest(TestRecord(testEvaluation, epoch: chosen.epoch)) }
      try trainer.options.writeModel?(best, files.run.file(Trainer.modelName))
      try files.run.writeReport(report(evaluation))
    }
    return TrainingResult(
      parameters: best, records: progress.records, bestEpoch: chosen.epoch, taskEvaluation: evaluation?.0,
      gates: evaluation?.1 ?? [], testEvaluation: testEvaluation, skipped: skipped)
  }

  /// The page so far.
  private func report(_ evaluation: (any TaskEvaluation, [GateRecord])?) -> TrainingReport {
    var report = TrainingReport(
      title: "\(trainer.network.name) on \(trainer.options.dataName)",
      network: trainer.network.name, dataset: trainer.options.dataName,
      configuration: identity.rows + trainer.options.provenance, records: progress.records,
      curve: progress.curve ?? [], evaluation: evaluation?.0,
      metrics: trainer.task.metrics, gates: evaluation?.1 ?? [], skipped: skipped)
    for index in evaluation?.0.shownImages ?? [] {
      report.thumbnails[index] = try? validation?.images.image(index)
    }
    report.overview = trainer.options.overview
    report.test = testEvaluation
    report.layers = layers
    report.bestEpoch = progress.best?.epoch
    if let note = trainer.referenceNote {
      report.notes.append(note.prefix(1).uppercased() + note.dropFirst() + ".")
    }
    if let endOfRun {
      report.notes.append(endOfRun)
    } else if progress.epochs < recipe.epochs {
      report.notes.append("\(progress.epochs) of \(recipe.epochs) epochs are done.")
    }
    return report
  }

  // MARK: Checkpoints

  private var isCheckpointDue: Bool {
    guard files != nil else { return false }
    if let steps = trainer.options.checkpointSteps, progress.steps % max(steps, 1) == 0 { return true }
    return lastCheckpoint.duration(to: .now).inSeconds >= trainer.options.checkpointSeconds
  }

  private func checkpoint() throws {
    guard let files else { return }
    try Checkpoint(identity: identity, progress: progress, state: try session.parameters())
      .write(to: files.last)
    lastCheckpoint = .now
  }

  private var lastPath: String? {
    files.flatMap { CheckpointFolder.exists($0.last) ? $0.last : nil }
  }

  private func stopped() -> TrainingError {
    .stopped(epoch: progress.epochs + 1, step: progress.steps, checkpoint: lastPath)
  }

  private func notANumber(_ what: String, _ rate: Double) -> TrainingError {
    .notANumber(
      what: what, epoch: progress.epochs + 1, step: progress.steps + 1, learningRate: rate,
      checkpoint: lastPath)
  }
}

extension Trainer {
  /// The name of the model's file in a run's folder.
  public static let modelName = "model.safetensors"
}
