// TestRecord.swift: the figures of the best weights on the test part, as JSON.

/// The test of a run: `{"test": {"epoch": 7, "count": 60, "loss": …, "accuracy": …, "top5": …}}`.
package struct TestRecord: Sendable, Encodable {
  private let test: Figures

  /// Collects the figures of an evaluation.
  ///
  /// - Parameters:
  ///   - evaluation: of the test part.
  ///   - epoch: the epoch of the weights.
  package init(_ evaluation: any TaskEvaluation, epoch: Int) {
    var record = EpochRecord(
      epoch: epoch, step: 0, learningRate: 0, trainingLoss: 0, trainingAccuracy: 0, imagesPerSecond: 0,
      trainingSeconds: 0, validationSeconds: 0, waitingShare: 0)
    evaluation.fill(&record)
    test = Figures(
      epoch: epoch, count: evaluation.count, loss: evaluation.loss, accuracy: evaluation.accuracy,
      top5: evaluation.classes.count > 5 ? record.validationTop5 : nil, metrics: record.metrics)
  }

  private struct Figures: Sendable, Encodable {
    let epoch: Int, count: Int
    let loss: Double, accuracy: Double
    let top5: Double?
    let metrics: [String: Double]?
  }
}
