// MultiLabelOutput.swift: the output of `evaluate` for a multi-label model.

import SwiftletModules

/// An evaluation of images with any number of classes each.
struct MultiLabelOutput: Encodable {
  let data: String, model: String
  let evaluation: MultiLabelEvaluation

  /// An image: its index, its classes, and the probability of each class.
  struct Row {
    let index: Int, labels: [Int]
    let probabilities: [Double]
  }

  /// Prints a line of comma-separated values for each image.
  func printTable(_ rows: [Row], name: (Int) -> String) throws {
    try Console.print(CSVText.line(["file", "classes", "predicted", "correct"] + evaluation.classes))
    for row in rows {
      func names(_ labels: [Int]) -> String {
        labels.sorted().map { evaluation.classes[$0] }.joined(separator: ";")
      }
      let found = row.probabilities.indices.filter { row.probabilities[$0] >= evaluation.threshold }
      try Console.print(
        CSVText.line(
          [name(row.index), names(row.labels), names(found), "\(Set(found) == Set(row.labels))"]
            + row.probabilities.map { "\($0)" }))
    }
    EvaluateCommand.warn(of: evaluation.skipped)
  }

  private enum Key: String, CodingKey { case data, model, map, microF1, macroF1 }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(data, forKey: .data)
    try container.encode(model, forKey: .model)
    try container.encode(evaluation.meanAveragePrecision, forKey: .map)
    try container.encode(evaluation.microF1, forKey: .microF1)
    try container.encode(evaluation.macroF1, forKey: .macroF1)
    try evaluation.encode(to: encoder)
  }

  /// Prints it as a table, or as one JSON object.
  func print(json: Bool) throws {
    if json { return try Console.printJSON(self) }
    var table = TextTable(["class ", "images", "AP %", "precision %", "recall %", "F1 %"])
    func percent(_ share: Double?) -> String? { share.map { (100 * $0).fixed(1) } }
    for result in evaluation.perClass where result.count + result.found > 0 {
      table.add([
        result.name, result.count.grouped, percent(result.averagePrecision), percent(result.precision),
        percent(result.recall), percent(result.f1),
      ])
    }
    table.addRule()
    for line in table.lines { try Console.print(line) }
    try Console.print(
      "\n\(model): mAP \((100 * evaluation.meanAveragePrecision).fixed(2)) %, at a threshold of "
        + "\(evaluation.threshold.fixed(2)) micro F1 \((100 * evaluation.microF1).fixed(2)) %, macro F1 "
        + "\((100 * evaluation.macroF1).fixed(2)) %, loss \(evaluation.loss.fixed(4)), "
        + "\(evaluation.count.grouped) images")
    EvaluateCommand.warn(of: evaluation.skipped)
  }
}
