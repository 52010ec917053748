// Recipe.swift: the hyperparameters of a training run, as data.

import SwiftletArchitectures
import SwiftletData

/// The hyperparameters of a run. Its result depends on them, the network, its starting weights and the images.
///
/// ```swift
/// var recipe = Recipe.fineTune
/// recipe.epochs = 20
/// ```
public struct Recipe: Sendable, Hashable, Codable {
  /// Passes over the training images.
  public var epochs: Int
  /// Images in a step.
  public var batch: Int
  /// Steps whose gradients are summed before weights change: batches of `batch` · `accumulation` in the memory of one of `batch`.
  public var accumulation: Int
  /// The optimizer.
  public var optimizer: Optimizer
  /// The learning rate that ``schedule`` is a share of.
  public var learningRate: Double
  /// The schedule of the learning rate.
  public var schedule: Schedule
  /// Weight decay.
  public var weightDecay: Double
  /// Parameters without weight decay.
  public var decayExclusions: [ParameterRole]
  /// The largest norm of all gradients together; `nil` for any.
  public var clipNorm: Double?
  /// ε of label smoothing (Szegedy et al. 2016, arXiv 1512.00567, section 7).
  public var labelSmoothing: Double
  /// The augmentations of training images, in order.
  public var augmentation: [Augmentation]
  /// The mixing of a batch's images (mixup, CutMix); `nil` for none.
  public var mixing: Mixing?
  /// The rate of dropout in the head; the network's own if `nil`.
  public var dropout: Double?
  /// The probability with which the last residual branch is dropped.
  public var stochasticDepth: Double
  /// The decay d of the average of weights that is evaluated and saved; `nil` for none. The tᵗʰ update, from 0, uses
  /// min(d, (1 + t) / (10 + t)), so that the average forgets the start soon.
  public var averageDecay: Double?
  /// Distillation from a teacher; `nil` for none.
  public var distillation: Distillation?
  /// The factor of the learning rate from one stage to the stage before it: the classifier has the full rate, the last stage this
  /// share of it, the stage before that its square (Howard and Ruder 2018, arXiv 1801.06146, section 3.2); `nil` for one rate.
  public var layerDecay: Double?
  /// Smaller images in the first epochs, which take less time; `nil` for the network's resolution in all.
  public var earlyResolution: EarlyResolution?
  /// Whether the first convolution starts with the principal components of the training images' patches, where its weights are the
  /// seeded ones of ``seed``: weights that were trained stay (Jordan 2024, arXiv 2404.00498, section 3.2).
  public var whitensStem: Bool?
  /// Whether an evaluation averages the outputs for an image and its mirror image.
  public var mirrorsEvaluation: Bool?
  /// Whether a rare class weighs as much as a frequent one in the loss: each has the weight N / (C · its images).
  public var balancesClasses: Bool?
  /// The run ends after so many epochs without a better one; `nil` for all epochs.
  public var patience: Int?
  /// The run ends once the validation's score (top-1, or mAP) reaches this share; `nil` for all epochs.
  public var targetScore: Double?
  /// Decides the order of images, their augmentation, dropout, and the starting weights where there are none.
  public var seed: UInt64

  /// Creates a recipe: plain SGD, by default.
  public init(
    epochs: Int, batch: Int, accumulation: Int = 1,
    optimizer: Optimizer = .sgd(momentum: 0.9, nesterov: true), learningRate: Double,
    schedule: Schedule = .constant, weightDecay: Double = 0,
    decayExclusions: [ParameterRole] = [.depthwise, .normScale, .normOffset, .bias], clipNorm: Double? = nil,
    labelSmoothing: Double = 0, augmentation: [Augmentation] = [], mixing: Mixing? = nil,
    dropout: Double? = nil, stochasticDepth: Double = 0, averageDecay: Double? = nil,
    distillation: Distillation? = nil, layerDecay: Double? = nil, earlyResolution: EarlyResolution? = nil,
    whitensStem: Bool? = nil,
    mirrorsEvaluation: Bool? = nil, balancesClasses: Bool? = nil, patience: Int? = nil,
    targetScore: Double? = nil, seed: UInt64 = 1
  ) {
    self.epochs = epochs
    self.batch = batch
    self.accumulation = accumulation
    self.optimizer = optimizer
    self.learningRate = learningRate
    self.schedule = schedule
    self.weightDecay = weightDecay
    self.decayExclusions = decayExclusions
    self.clipNorm = clipNorm
    self.labelSmoothing = labelSmoothing
    self.augmentation = augmentation
    self.mixing = mixing
    self.dropout = dropout
    self.stochasticDepth = stochasticDepth
    self.averageDecay = averageDecay
    self.distillation = distillation
    self.layerDecay = layerDecay
    self.earlyResolution = earlyResolution
    self.whitensStem = whitensStem
    self.mirrorsEvaluation = mirrorsEvaluation
    self.balancesClasses = balancesClasses
    self.patience = patience
    self.targetScore = targetScore
    self.seed = seed
  }

  /// Constants of distillation, see ``DistillationLoss``.
  public struct Distillation: Sendable, Hashable, Codable {
    /// T of both softmaxes.
    public var temperature: Double
    /// The teacher's share of the loss; the labels have the rest.
    public var weight: Double

    /// Creates it.
    public init(temperature: Double = 4, weight: Double = 0.5) {
      self.temperature = temperature
      self.weight = weight
    }
  }

  /// Smaller images in the first epochs: what is coarse is learned first, at the cost of the pixels there are. Validation is always at the
  /// network's resolution (Touvron et al. 2019, arXiv 1906.06423, on the change between both).
  public struct EarlyResolution: Sendable, Hashable, Codable {
    /// The share of the epochs.
    public var share: Double
    /// The resolution multiplier ρ (arXiv 1704.04861, section 3.4) of their images.
    public var multiplier: Double

    /// Creates it.
    public init(share: Double = 0.5, multiplier: Double = 0.75) {
      self.share = share
      self.multiplier = multiplier
    }
  }

  /// Height and width of the training images of an epoch, from 0.
  ///
  /// - Parameter full: the network's resolution.
  public func resolution(inEpoch epoch: Int, full: Int) -> Int {
    guard let earlyResolution, Double(epoch) < (earlyResolution.share * Double(epochs)).rounded(.down) else {
      return full
    }
    return max(1, Int((earlyResolution.multiplier * Double(full)).rounded()))
  }

  /// The loss.
  public var loss: any Loss {
    guard let distillation else { return CrossEntropyLoss(smoothing: labelSmoothing) }
    return DistillationLoss(
      temperature: distillation.temperature, weight: distillation.weight, smoothing: labelSmoothing)
  }

  /// Throws unless the numbers make sense.
  ///
  /// - Throws: ``TrainingError/badRecipe(_:)`` naming the first that does not, ``VisionError`` where it is one of an augmentation.
  public func check() throws {
    func require(_ condition: Bool, _ text: String) throws {
      if !condition { throw TrainingError.badRecipe(text) }
    }
    try require((1...100_000).contains(epochs), "epochs must be between 1 and 100000, got \(epochs)")
    try require((1...65_536).contains(batch), "the batch must be between 1 and 65536, got \(batch)")
    try require(
      (1...65_536).contains(accumulation), "the accumulation must be between 1 and 65536, got \(accumulation)"
    )
    try require(
      learningRate > 0 && learningRate.isFinite, "the learning rate must be above 0, got \(learningRate)")
    try require(
      weightDecay >= 0 && weightDecay.isFinite, "weight decay must not be below 0, got \(weightDecay)")
    try require(clipNorm ?? 1 > 0, "the largest gradient norm must be above 0, got \(clipNorm ?? 0)")
    for (name, value) in [
      ("label smoothing", labelSmoothing), ("dropout", dropout ?? 0), ("stochastic depth", stochasticDepth),
      ("the decay of the average", averageDecay ?? 0),
    ] { try require(value >= 0 && value < 1, "\(name) must be in 0..<1, got \(value)") }
    try require(
      layerDecay.map { $0 > 0 && $0 <= 1 } ?? true,
      "the decay of layers' rates must be above 0 and at most 1, got \(layerDecay ?? 0)")
    if let earlyResolution {
      try require(
        (0...1).contains(earlyResolution.share) && earlyResolution.multiplier > 0
          && earlyResolution.multiplier <= 1,
        "smaller images must be of a share of the epochs and of the resolution, got \(earlyResolution.share) and "
          + "\(earlyResolution.multiplier)")
      try require(distillation == nil, "a teacher sees images of one resolution: leave out earlyResolution")
    }
    try require(patience ?? 1 > 0, "the patience must be at least 1 epoch, got \(patience ?? 0)")
    try require(
      targetScore.map { $0 > 0 && $0 <= 1 } ?? true,
      "the score to reach must be above 0 and at most 1, got \(targetScore ?? 0)")
    if let problem = optimizer.problem { throw TrainingError.badRecipe("the optimizer has \(problem)") }
    if let distillation {
      try require(
        distillation.temperature > 0 && distillation.temperature.isFinite,
        "the temperature of a teacher must be above 0, got \(distillation.temperature)")
      try require(
        (0...1).contains(distillation.weight),
        "the share of a teacher must be between 0 and 1, got \(distillation.weight)")
    }
    for augmentation in augmentation { try augmentation.check() }
    try mixing?.check()
    if let problem = schedule.problem { throw TrainingError.badRecipe("the schedule has \(problem)") }
  }

  /// The rates of a step.
  ///
  /// - Parameters:
  ///   - update: the number of the update that the step belongs to, from 0.
  ///   - part: the number of the step within the update, from 0.
  ///   - perEpoch: updates in an epoch.
  func rates(update: Int, part: Int, perEpoch: Int) -> StepRates {
    let share = schedule.rate(update: update, perEpoch: perEpoch, total: perEpoch * epochs)
    let t = Double(update)
    return StepRates(
      learningRate: learningRate * share, applies: part == accumulation - 1, keeps: part > 0,
      averageDecay: averageDecay.map { min($0, (1 + t) / (10 + t)) } ?? 0, update: update + 1)
  }
}
