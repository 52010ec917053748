// EvaluateCommand.swift: the accuracy of a model on images with known classes.

import SwiftletModules

/// `swiftlet evaluate`.
struct EvaluateCommand: Command {
  static let spec = CommandSpec(
    name: "evaluate", summary: "Measure a model on labeled images",
    positionals: "", count: 0...0,
    discussion: """
      Classifies the images of --data (as for 'swiftlet train'): the part that --part names, by default the validation
      part if there is one, otherwise all.
      Prints top-1 and top-5 accuracy, the mean loss, a table of the classes and the confusion matrix. For a model that
      was trained with --task multi-label --data is a list with any number of classes for each image; it prints mean
      average precision (mAP), F1 at --threshold, and a table of the classes. Without --weights the published weights of
      --model (default mobilenet_v2) are used. Classes are matched by name, whatever the case and with _ for spaces; those of
      ImageNet also by WordNet id (n01440764) or index (0 to 999). The data may have some of the model's classes only.
      """,
    options: [
      .value("data", "PATH", "The images."),
      .value(
        "weights", "FILE",
        "Weights: a file (Swiftlet's, torchvision's or timm's), a run's folder, or a name of 'pull --list'."),
      .value("model", "NAME", "Network, or 'embedded' (default: the network of the weights)."),
      .value("part", "NAME", "Part of the data: training, validation or test."),
      .flag("known-classes", "Leave out images of classes that the model does not know."),
      .flag("label-from-name", "Take the class from the beginning of each file's name: beagle_12.jpg."),
      .value("hold-out", "SHARE", "Use only that share, the one that 'train' holds out (default 0: all)."),
      .value("seed", "N", "Seed of the held-out share (default 1)."),
      .value("batch", "N", "Images at a time (default 64)."),
      .value("threshold", "P", "Probability from which on a multi-label model finds a class (default 0.5)."),
      .flag("mirror", "Take the mean of each image and its mirror image."),
      .value(
        "report", "FILE.html",
        "Write a page: classes, confusion, mistakes, and the gates of squeeze-and-excite."),
      .value("threads", "N", "Threads of each batch (default: those of the processor)."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object; 'predictions' has every image."),
      .flag(
        "csv",
        "Print a table of the images: file, class, predicted, probability, correct; of a multi-label model file, classes, predicted, correct, and the probability of each class."
      ),
    ],
    examples: [
      "swiftlet evaluate --data flowers/ --weights runs/flowers/model.safetensors",
      "swiftlet evaluate --data flowers/ --weights runs/flowers/model.safetensors --csv > flowers.csv",
      "swiftlet evaluate --data flowers/ --weights runs/flowers --report flowers.html",
    ])

  /// The output of `evaluate --json`.
  struct Result: Encodable {
    let data: String, model: String
    let evaluation: Evaluation
    let perClass: [ClassResult]
    let predictions: [ImageResult]

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(data, forKey: .data)
      try container.encode(model, forKey: .model)
      try container.encode(perClass, forKey: .perClass)
      try container.encode(predictions, forKey: .predictions)
      try evaluation.encode(to: encoder)
    }

    private enum Key: String, CodingKey { case data, model, perClass, predictions }
  }

  /// The prediction for one image.
  struct ImageResult: Encodable {
    let file: String
    /// The name of its class, and that of the most probable one.
    let `class`: String, predicted: String
    /// The probability of the predicted class.
    let probability: Double

    /// A line of `evaluate --csv`.
    var cells: [String] { [file, `class`, predicted, "\(probability)", "\(`class` == predicted)"] }
  }

  /// The recall and the precision of one class.
  struct ClassResult: Encodable {
    let name: String
    let count: Int
    /// The share of its images that were recognized, and of images taken for it that are.
    let recall: Double, precision: Double
  }

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard let path = arguments.string("data") else { throw UsageError("'evaluate' needs --data PATH") }
    guard !(arguments.flag("json") && arguments.flag("csv")) else {
      throw UsageError("--json and --csv are two forms of one output: give one")
    }
    let batch = try arguments.integer("batch", in: 1...4096) ?? 64
    let engine = try arguments.engine()
    let seed = try arguments.integer("seed", in: 0...Int.max) ?? 1
    let model = try ModelChoice(arguments).model()
    let holdOut = try arguments.number("hold-out") ?? 0
    let threshold = try arguments.probability("threshold")
    let part = try arguments.choice("part", Part.self)
    let options = DatasetOptions(
      holdOut: holdOut, seed: UInt64(seed), leastClasses: 1,
      labelsFromNames: arguments.flag("label-from-name"))
    let (mirrors, report) = (arguments.flag("mirror"), arguments.string("report"))
    guard report?.lowercased().hasSuffix(".html") ?? true else {
      throw UsageError("--report writes a page: '\(report ?? "")' does not end in .html")
    }
    let configuration = [
      ("data", path), ("weights", arguments.string("weights") ?? model.name), ("Swiftlet", swiftletVersion),
      ("command", "swiftlet evaluate " + arguments.text),
    ]
    func writeReport<Result>(_ details: DetailedEvaluation<Result>) throws {
      guard let report else { return }
      try AtomicFile.write(
        details.report(model: model, dataset: path, configuration: configuration), to: report)
    }
    if case .any = model.task.rule {
      let split = try MultiLabelSplit.open(path: path, options: options)
      let tested = try images(of: split, part, path)
      let images = CountedImages(tested)
      var rows: [MultiLabelOutput.Row] = []
      let details = try model.evaluation(
        on: images, threshold: threshold, engine: engine, batch: batch, mirrors: mirrors,
        details: report != nil
      ) { index, labels, logits in
        rows.append(
          .init(
            index: index, labels: labels,
            probabilities: ClassRule.any(threshold: 0.5).probabilities(of: logits)))
      }
      images.finish()
      try writeReport(details)
      let output = MultiLabelOutput(data: path, model: model.name, evaluation: details.evaluation)
      if arguments.flag("csv") {
        try output.printTable(rows.sorted { $0.index < $1.index }) { tested.name($0) }
      } else {
        try output.print(json: arguments.flag("json"))
      }
      for remark in split.notes.remarks { Console.warn(remark) }
      return 0
    }
    guard threshold == nil else { throw UsageError("--threshold is for multi-label models") }
    let split = try DatasetSplit.open(path: path, options: options)
    let data = try images(of: split, part, path)
    let matching = try ClassMatching(
      data.classes, labels: model.labels, count: model.classes, allowsUnknown: arguments.flag("known-classes")
    )
    let images = CountedImages(data)
    var answers: [(index: Int, label: Int, predicted: Int, probability: Double)] = []
    let details = try model.evaluation(
      on: images, matching: matching, engine: engine, batch: batch, mirrors: mirrors, details: report != nil
    ) { index, label, logits in
      let probabilities = ClassRule.one.probabilities(of: logits)
      guard let highest = probabilities.max(), let predicted = probabilities.firstIndex(of: highest) else {
        return
      }
      answers.append((index, label, predicted, highest))
    }
    let evaluation = details.evaluation
    images.finish()
    try writeReport(details)
    let predictions = answers.sorted { $0.index < $1.index }.map {
      ImageResult(
        file: images.name($0.index), class: evaluation.classes[$0.label],
        predicted: evaluation.classes[$0.predicted], probability: $0.probability)
    }
    for remark in split.notes.remarks { Console.warn(remark) }
    if let note = matching.note { Console.warn(note) }
    let unknown = zip(data.classes, matching.numbers).filter { $1 == nil }.map(\.0)
    if let first = unknown.first {
      Console.warn(
        "left out: \(data.count - evaluation.count - evaluation.skipped.count) images of \(unknown.count) classes that "
          + "the model does not know ('\(first)'\(unknown.count > 1 ? ", …" : ""))")
    }
    let classes = perClass(evaluation)
    if arguments.flag("json") {
      try Console.printJSON(
        Result(
          data: path, model: model.name, evaluation: evaluation, perClass: classes, predictions: predictions))
      return 0
    }
    if arguments.flag("csv") {
      try Console.print(CSVText.line(["file", "class", "predicted", "probability", "correct"]))
      for prediction in predictions { try Console.print(CSVText.line(prediction.cells)) }
      warn(of: evaluation.skipped)
      return 0
    }
    var table = TextTable(["class ", "images", "recall %", "precision %", "mostly taken for "])
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
        + (evaluation.classes.count > 5 ? "top-5 \((100 * evaluation.top5).fixed(2)) %, " : "")
        + "loss \(evaluation.loss.fixed(4)), "
        + "\(evaluation.count.grouped) images")
    warn(of: evaluation.skipped)
    return 0
  }

  /// The images to evaluate.
  private static func images<Images>(of split: Split<Images>, _ part: Part?, _ path: String) throws -> Images
  {
    guard let part else { return split.validation ?? split.training }
    guard let images = split.parts.first(where: { $0.part == part })?.images else {
      throw UsageError("\(path): there is no \(part.rawValue) part")
    }
    return images
  }

  /// Says how many images could not be read.
  static func warn(of skipped: [SkippedFile]) {
    guard let first = skipped.first else { return }
    Console.warn(
      skipped.count == 1
        ? "an image could not be read: \(first.reason)"
        : "\(skipped.count) images could not be read; the first: \(first.reason)")
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

  /// The other class that most images of a class were taken for.
  private static func confused(_ evaluation: Evaluation, _ label: Int) -> String? {
    let row = evaluation.confusion[label]
    let others = row.indices.filter { $0 != label && row[$0] > 0 }
    return others.max { row[$0] == row[$1] ? $0 > $1 : row[$0] < row[$1] }
      .map { "\(evaluation.classes[$0]) (\(row[$0].grouped))" }
  }

  /// Classes in rows, predictions in columns, by number.
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
