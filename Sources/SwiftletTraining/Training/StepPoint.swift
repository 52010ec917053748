// StepPoint.swift: a point of the curves over steps.

/// The loss and the learning rate after an update, for curves that are finer than epochs.
package struct StepPoint: Sendable, Codable, Equatable {
  /// The number of updates so far.
  package let step: Int
  /// The mean of the steps' losses with a decay of 0.95.
  package let loss: Double
  /// The learning rate of the update.
  package let learningRate: Double

  /// The largest number of points of a run.
  static let most = 300

  /// Creates a point.
  package init(step: Int, loss: Double, learningRate: Double) {
    (self.step, self.loss, self.learningRate) = (step, loss, learningRate)
  }
}
