// TrainingRecord.swift: the record of an epoch, and the result of an evaluation: the currency of metrics, events and reports.

import SwiftletData

/// One epoch of training, as it is written to `metrics.csv`.
public struct EpochRecord: Sendable, Codable, Equatable {
  /// The epoch, from 1.
  public var epoch: Int
  /// Updates of the weights so far.
  public var step: Int
  /// The learning rate of the epoch's last step.
  public var learningRate: Double
  /// Mean loss, and share of images whose class had the largest logit, over the epoch's batches as they were trained on.
  public var trainingLoss: Double, trainingAccuracy: Double
  /// The same over the held-out images after the epoch, and the share with the class among the five largest; `nil` where
  /// there are none.
  public var validationLoss: Double?, validationAccuracy: Double?, validationTop5: Double?
  /// Further metrics of the task on the held-out images, by ``TaskMetric/key``; `nil` where there are none.
  public var metrics: [String: Double]?
  /// Images trained on in a second, waiting included.
  public var imagesPerSecond: Double
  /// Seconds of the epoch's training, and of its validation.
  public var trainingSeconds: Double, validationSeconds: Double
  /// The share of the training time in which the step waited for a batch.
  public var waitingShare: Double

  /// Creates a record.
  public init(
    epoch: Int, step: Int, learningRate: Double, trainingLoss: Double, trainingAccuracy: Double,
    validationLoss: Double? = nil, validationAccuracy: Double? = nil, validationTop5: Double? = nil,
    metrics: [String: Double]? = nil, imagesPerSecond: Double, trainingSeconds: Double,
    validationSeconds: Double, waitingShare: Double
  ) {
    self.epoch = epoch
    self.step = step
    self.learningRate = learningRate
    self.trainingLoss = trainingLoss
    self.trainingAccuracy = trainingAccuracy
    self.validationLoss = validationLoss
    self.validationAccuracy = validationAccuracy
    self.validationTop5 = validationTop5
    self.metrics = metrics
    self.imagesPerSecond = imagesPerSecond
    self.trainingSeconds = trainingSeconds
    self.validationSeconds = validationSeconds
    self.waitingShare = waitingShare
  }
}

/// The result of an evaluation on images of one class each.
public struct Evaluation: Sendable, Codable, Equatable {
  /// A misclassified image.
  public struct Mistake: Sendable, Codable, Equatable {
    /// Its index in the data set, and its name there.
    public var index: Int, name: String
    /// Its class and the class with the largest logit.
    public var label: Int, prediction: Int
    /// The probability of that class.
    public var probability: Double

    /// Creates a mistake.
    public init(index: Int, name: String, label: Int, prediction: Int, probability: Double) {
      self.index = index
      self.name = name
      self.label = label
      self.prediction = prediction
      self.probability = probability
    }
  }

  /// The names of the classes.
  public var classes: [String]
  /// The number of images.
  public var count: Int
  /// Mean cross-entropy.
  public var loss: Double
  /// Share of images whose class has the largest logit, or one of the five largest.
  public var top1: Double, top5: Double
  /// `confusion[class][prediction]`: images.
  public var confusion: [[Int]]
  /// Mistakes, the most confident first, 100 at most.
  public var mistakes: [Mistake]
  /// Images that could not be read: name and reason.
  public var skipped: [SkippedFile]

  /// Creates an evaluation.
  public init(
    classes: [String], count: Int, loss: Double, top1: Double, top5: Double, confusion: [[Int]],
    mistakes: [Mistake], skipped: [SkippedFile]
  ) {
    self.classes = classes
    self.count = count
    self.loss = loss
    self.top1 = top1
    self.top5 = top5
    self.confusion = confusion
    self.mistakes = mistakes
    self.skipped = skipped
  }
}

/// Mean excitation of a squeeze-and-excite gate by class (arXiv 1709.01507, section 7.2, figure 6).
public struct GateRecord: Sendable, Codable, Equatable {
  /// The gate's path: `stages.2.1.squeeze`.
  public var gate: String
  /// `[class][channel]`: the mean of the gate over the class's images.
  public var means: [[Float]]

  /// Creates a record.
  public init(gate: String, means: [[Float]]) {
    self.gate = gate
    self.means = means
  }
}
