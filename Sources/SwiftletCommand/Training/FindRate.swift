// FindRate.swift: `train --find-rate`: the learning-rate range test.

import SwiftletModules

extension TrainCommand {
  /// Runs the range test of a trainer, prints the curve and the suggestion, and writes the plot.
  ///
  /// - Parameters:
  ///   - trainer: the run, without a folder.
  ///   - output: the page; `nil` writes none.
  static func findRate(_ trainer: Trainer, to output: String, json: Bool) throws -> Int32 {
    var progress = ProgressBar(total: 100)
    let test = try trainer.findRate { _ in progress.advance() }
    progress.clear()
    if json {
      try Console.printJSON(
        Result(
          suggestion: test.suggestion, steepest: test.steepest, tenthOfLeast: test.tenthOfLeast,
          points: test.points))
    } else {
      let least = test.points.map(\.loss).min() ?? 0
      let most = test.points.map(\.loss).max() ?? 1
      var table = TextTable(["learning rate", "loss", " "])
      for point in test.points.enumerated().filter({ $0.offset % 5 == 4 }).map(\.element) {
        let share = (point.loss - least) / max(most - least, 1e-9)
        table.add([
          scientific(point.learningRate), point.loss.fixed(3),
          String(repeating: "█", count: 1 + Int(30 * share)),
        ])
      }
      for line in table.lines { try Console.print(line) }
      try Console.print(
        test.suggestion.map { "suggested: --learning-rate \(scientific($0))" }
          ?? "the loss does not fall at any of these rates")
    }
    try AtomicFile.write(
      test.html(title: "\(trainer.network.name) on \(trainer.options.dataName)"), to: output)
    if !json { try Console.print("plot: \(output)") }
    return 0
  }

  /// The output of `train --find-rate --json`.
  struct Result: Encodable {
    let suggestion: Double?, steepest: Double?, tenthOfLeast: Double?
    let points: [RateRangeTest.Point]
  }

  /// 0.0123 as `0.012`.
  private static func scientific(_ value: Double) -> String {
    if value >= 0.001, value < 100 { return value.fixed(value < 0.01 ? 5 : value < 1 ? 3 : 2) }
    var (digits, exponent) = (value, 0)
    while digits > 0, digits < 1 {
      digits *= 10
      exponent -= 1
    }
    while digits >= 10 {
      digits /= 10
      exponent += 1
    }
    return digits.fixed(1) + "e\(exponent)"
  }
}
