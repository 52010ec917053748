// StepRates.swift: the numbers that change from step to step of training, as one input of the graph.

/// The numbers that a training graph's input `rates` `[5]` holds: schedules decide them, update operations read them.
public struct StepRates: Sendable, Hashable {
  /// The number of rates.
  public static let count = 5
  /// The learning rate.
  public var learningRate: Double
  /// Whether weights change at this step: not while gradients are being accumulated.
  public var applies: Bool
  /// Whether gradients that were accumulated before are kept: not at the first step after an update.
  public var keeps: Bool
  /// The decay of the average of weights at this step.
  public var averageDecay: Double
  /// The number of the update, from 1: AdamW's correction of its moments needs it.
  public var update: Int

  /// Creates the numbers of a step.
  public init(
    learningRate: Double, applies: Bool = true, keeps: Bool = false, averageDecay: Double = 0,
    update: Int = 1
  ) {
    self.learningRate = learningRate
    self.applies = applies
    self.keeps = keeps
    self.averageDecay = averageDecay
    self.update = update
  }

  /// As the graph's input.
  public var values: [Float] {
    [
      Float(learningRate), applies ? 1 : 0, keeps ? 1 : 0, Float(averageDecay), Float(update),
    ]
  }

  /// From the graph's input.
  package init(_ values: [Double]) {
    self.init(
      learningRate: values[0], applies: values[1] != 0, keeps: values[2] != 0, averageDecay: values[3],
      update: Int(values[4]))
  }

  static let type = TensorType([count])
}
