// EvaluateCommand.swift: how often a model is right.

import SwiftletModules

/// `swiftlet evaluate`.
struct EvaluateCommand: Command {
  static let spec = CommandSpec(
    name: "evaluate", summary: "Count how often a model is right on labelled photographs",
    positionals: "", count: 0...0,
    discussion: """
      Classifies the photographs of --data (as for 'swiftlet train'): its validation part where it has one, otherwise
      all, and prints top-1 and top-5 accuracy, the mean loss, a table of the classes and the confusion between them.
      Without --weights the published weights of --model (default mobilenet_v2) are used. Classes are told by name.
      """,
    options: [
      .value("data", "PATH", "The photographs."),
      .value("weights", "FILE", "Weights: a model saved by Swiftlet, or torchvision's or timm's."),
      .value("model", "NAME", "The network, or 'embedded'; without it, whatever the weights are of."),
      .value("hold-out", "SHARE", "Use only that share, as 'train' holds it out (default 0: all)."),
      .value("seed", "N", "Decides which are held out (default 1)."),
      .value("batch", "N", "Photographs at a time (default 64)."),
      .value("threads", "N", "Threads of each batch (default: those of the processor)."),
    ] + NetworkOptions.specs + [.flag("json", "Print one JSON object.")],
    examples: ["swiftlet evaluate --data flowers/ --weights runs/flowers/model.safetensors"])

  /// What `evaluate --json` prints.
  struct Result: Encodable {
    let data: String, model: String
    let evaluation: Evaluation
    let perClass: [ClassResult]

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(data, forKey: .data)
      try container.encode(model, forKey: .model)
      try container.encode(perClass, forKey: .perClass)
      try evaluation.encode(to: encoder)
    }

    private enum Key: String, CodingKey { case data, model, perClass }
  }

  /// How one class fared.
  struct ClassResult: Encodable {
    let name: String
    let count: Int
    /// The share of its photographs that were recognised, and of photographs taken for it that are.
    let recall: Double, precision: Double
  }

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard let path = arguments.string("data") else { throw UsageError("'evaluate' needs --data PATH") }
    let batch = try arguments.integer("batch", in: 1...4096) ?? 64
    let engine = try arguments.engine()
    let seed = try arguments.integer("seed", in: 0...Int.max) ?? 1
    let model = try ModelChoice(arguments).model()
    let data = try DatasetSplit.open(
      path: path, holdOut: try arguments.number("hold-out") ?? 0, seed: UInt64(seed))
    let evaluation = try model.evaluate(
      on: data.validation ?? data.training, engine: engine, batch: batch)
    let classes = perClass(evaluation)
    if arguments.flag("json") {
      try Console.printJSON(
        Result(data: path, model: model.name, evaluation: evaluation, perClass: classes))
      return 0
    }
    var table = TextTable(["class ", "photographs", "recall %", "precision %", "mostly taken for "])
    for (label, result) in classes.enumerated() where result.count > 0 {
      table.add([
        result.name, result.count.grouped, (100 * result.recall).fixed(1), (100 * result.precision).fixed(1),
        confused(evaluation, label),
      ])
    }
    table.addRule()
    for line in table.lines { try Console.print(line) }
    if evaluation.classes.count <= 20 {
      try Console.print("")
      for line in confusion(evaluation).lines { try Console.print(line) }
    }
    try Console.print(
      "\n\(model.name): top-1 \((100 * evaluation.top1).fixed(2)) %, "
        + "top-5 \((100 * evaluation.top5).fixed(2)) %, loss \(evaluation.loss.fixed(4)), "
        + "\(evaluation.count.grouped) photographs")
    if !evaluation.skipped.isEmpty {
      let first = evaluation.skipped[0]
      let count = evaluation.skipped.count
      Console.warn(
        count == 1
          ? "a photograph could not be read: \(first.reason)"
          : "\(count) photographs could not be read; the first: \(first.reason)")
    }
    return 0
  }

  private static func perClass(_ evaluation: Evaluation) -> [ClassResult] {
    let matrix = evaluation.confusion
    return matrix.indices.map { label in
      let count = matrix[label].reduce(0, +)
      let taken = matrix.reduce(0) { $0 + $1[label] }
      let right = Double(matrix[label][label])
      return ClassResult(
        name: evaluation.classes[label], count: count, recall: count > 0 ? right / Double(count) : 0,
        precision: taken > 0 ? right / Double(taken) : 0)
    }
  }

  /// The other class that most photographs of a class were taken for.
  private static func confused(_ evaluation: Evaluation, _ label: Int) -> String? {
    let row = evaluation.confusion[label]
    let others = row.indices.filter { $0 != label && row[$0] > 0 }
    return others.max { row[$0] == row[$1] ? $0 > $1 : row[$0] < row[$1] }
      .map { "\(evaluation.classes[$0]) (\(row[$0].grouped))" }
  }

  /// Classes in rows, what they were taken for in columns, by number.
  private static func confusion(_ evaluation: Evaluation) -> TextTable {
    let used = evaluation.confusion.indices
    var table = TextTable(["confusion "] + used.map { "\($0)" })
    for label in used {
      table.add(
        ["\(label) \(evaluation.classes[label])"]
          + evaluation.confusion[label].map { $0 == 0 ? "·" : $0.grouped })
    }
    return table
  }
}
