// RateRangeTest.swift: the learning-rate range test: the loss while the rate grows, and the rate to train with.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The result of a learning-rate range test (Smith 2017, arXiv 1506.01186, section 3.3).
public struct RateRangeTest: Sendable, Codable, Equatable {
  /// The loss after an update.
  public struct Point: Sendable, Codable, Equatable {
    /// The learning rate of the update.
    public let learningRate: Double
    /// The loss, averaged over the updates before it with a decay of 0.9.
    public let loss: Double

    /// Creates a point.
    public init(learningRate: Double, loss: Double) { (self.learningRate, self.loss) = (learningRate, loss) }
  }

  /// The updates, in order; the rate grows by the same factor from one to the next.
  public let points: [Point]

  /// Creates a result from its points.
  public init(points: [Point]) { self.points = points }

  /// The rate at which the loss falls fastest per decade of the rate; `nil` where it does not fall.
  public var steepest: Double? {
    var best: (slope: Double, rate: Double)?
    // Over a tenth of the points, so that a single batch does not decide.
    let reach = max(1, points.count / 20)
    guard points.count > 2 * reach else { return nil }
    for index in reach..<(points.count - reach) {
      let (a, b) = (points[index - reach], points[index + reach])
      let slope = (b.loss - a.loss) / log10(b.learningRate / a.learningRate)
      if slope < best?.slope ?? 0 { best = (slope, points[index].learningRate) }
    }
    return best?.rate
  }

  /// A tenth of the rate at which the loss is least; `nil` where it does not fall.
  public var tenthOfLeast: Double? {
    guard let least = points.min(by: { $0.loss < $1.loss }), least != points.first else { return nil }
    return least.learningRate / 10
  }

  /// The rate to train with: the geometric mean of ``steepest`` and ``tenthOfLeast``, to two digits; `nil` where the loss does not fall.
  public var suggestion: Double? {
    guard let steepest, let tenthOfLeast else { return nil }
    let rate = (steepest * tenthOfLeast).squareRoot()
    let unit = pow(10, floor(log10(rate)) - 1)
    return (rate / unit).rounded() * unit
  }

  /// A page with the curve: the loss over the learning rate, on a logarithmic axis.
  package func html(title: String) -> String {
    // Hundredths of a decade, so that positions are whole numbers.
    func position(_ rate: Double) -> Int { Int((100 * log10(rate)).rounded()) }
    var chart = LineChart(
      title: "Loss", positions: points.map { position($0.learningRate) },
      series: [.init(name: "loss", color: "c0", values: points.map { $0.loss })])
    chart.horizontal = "learning rate"
    chart.positionTexts = points.map { Format.significant($0.learningRate, 3) }
    if let first = points.first, let last = points.last {
      let decades = Int(log10(first.learningRate).rounded(.up))...Int(log10(last.learningRate).rounded(.up))
      chart.ticks = decades.filter { 100 * $0 <= position(last.learningRate) }.map { (100 * $0, "1e\($0)") }
    }
    if let suggestion, let index = points.lastIndex(where: { $0.learningRate <= suggestion }) {
      chart.mark = (0, index, "suggested: \(suggestion)")
    }
    return ReportPage(
      kicker: "Learning-rate range test", title: title,
      lead: "The loss of \(points.count) updates while the learning rate grows.",
      notes: [
        suggestion.map { "Suggested learning rate: \($0)." }
          ?? "The loss does not fall at any of these rates."
      ],
      sections: [("loss", "Loss over the learning rate", "<div class=\"charts\">\n\(chart.figure())\n</div>")]
    ).html
  }
}

extension Trainer {
  /// Trains for some updates with a growing learning rate. Nothing is written, and the weights are thrown away.
  ///
  /// - Parameters:
  ///   - lowest: the first learning rate.
  ///   - highest: the last one; the test ends before where the loss grows to four times its least.
  ///   - updates: the number of updates.
  ///   - onPoint: called after each.
  /// - Throws: as ``run(onStep:onEpoch:)``.
  public func findRate(
    from lowest: Double = 1e-6, to highest: Double = 10, updates: Int = 100,
    onPoint: (RateRangeTest.Point) throws -> Void = { _ in }
  ) throws -> RateRangeTest {
    guard lowest > 0, highest > lowest, highest.isFinite, updates > 1 else {
      throw TrainingError.badRecipe(
        "a range test needs rates above 0 that grow and at least 2 updates, got \(lowest) to \(highest) in \(updates)"
      )
    }
    let loop = try TrainingLoop(self)
    return RateRangeTest(
      points: try loop.findRate(from: lowest, to: highest, updates: updates, onPoint: onPoint))
  }
}
