// StepProgress.swift: the progress of a run after each step.

/// The progress of a run after a step, as a progress line shows it.
public struct StepProgress: Sendable, Equatable {
  /// The epoch, from 1, and how many there will be.
  public var epoch: Int, epochs: Int
  /// The step of the epoch, from 1, and how many there are.
  public var step: Int, steps: Int
  /// Mean loss and share of recognized images over the epoch so far.
  public var loss: Double, accuracy: Double
  /// The learning rate of the step.
  public var learningRate: Double
  /// Images a second over the epoch so far, waiting included.
  public var imagesPerSecond: Double
  /// Seconds that the rest of the run will take, validation included.
  public var secondsLeft: Double
}
