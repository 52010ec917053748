// ClassifyCommand.swift: the classes of images, with probabilities.

import SwiftletModules

/// `swiftlet classify PHOTO…`.
struct ClassifyCommand: Command {
  /// A line of `classify --json`.
  struct Answer: Encodable {
    let file: String, model: String
    var predictions: [Prediction]?
    var error: String?
  }

  static let spec = CommandSpec(
    name: "classify", summary: "Classify images",
    positionals: "PHOTO…", count: 1...100_000,
    discussion: """
      Prints the most probable classes of each image (\(ImageFormat.decodedNames)). A folder means all images in it and
      in the folders below; '-' means standard input. A model with a single output gives the probability of its one class.
      Without --weights the published weights of --model (default mobilenet_v2) are used, which 'swiftlet pull'
      downloads once. If no weights are given or downloaded, a built-in CIFAR-10 model (ten classes) is used.
      An image that cannot be read is reported and the others are still classified; the exit status is then 1.
      """,
    options: [
      .value(
        "weights", "FILE",
        "Weights: a file (Swiftlet's, torchvision's or timm's), a run's folder, or a name of 'pull --list'."),
      .value("model", "NAME", "The network, or 'embedded'; without it, whatever the weights are of."),
      .value(
        "top", "N", "How many classes to print (default 5; of a multi-label model all above the threshold)."),
      .value(
        "threshold", "P",
        "Print only classes of at least that probability (default 0.5 for a multi-label model)."),
      .value("threads", "N", "Threads of each classification (default: those of the processor)."),
      .flag("half-weights", "Keep weights in half precision: half the memory, logits move by up to 3e-3."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object per line per photograph: file, model, predictions or error."),
      .flag("csv", "Print a table: file, label, probability, label_2, probability_2, …, error."),
    ],
    examples: [
      "swiftlet classify owl.jpg", "swiftlet classify holiday/ --top 1 --csv > holiday.csv",
      "swiftlet classify owl.jpg --weights mobilenet_v2-b0353104.pth --json",
      "curl -s https://example.org/owl.jpg | swiftlet classify -",
    ])

  /// The form of the output.
  private enum Form { case text, json, csv(columns: Int) }

  static func run(_ arguments: Arguments) throws -> Int32 {
    let threshold = try arguments.probability("threshold")
    guard !(arguments.flag("json") && arguments.flag("csv")) else {
      throw UsageError("--json and --csv are two forms of one output: give one")
    }
    let wanted = try arguments.integer("top", in: 1...Int.max)
    let engine = try arguments.engine(halfWeights: arguments.flag("half-weights"))
    let classifier = try Classifier(ModelChoice(arguments).model(fallsBack: true), engine: engine)
    let model = classifier.model
    var usual: Double?
    if case .any(let threshold) = model.task.rule { usual = threshold }
    let least = threshold ?? usual ?? 0
    let top = wanted ?? (usual == nil && threshold == nil ? 5 : .max)
    // Every line of a table has the same columns.
    let columns = min(wanted ?? 5, model.classes)
    let form: Form = arguments.flag("json") ? .json : arguments.flag("csv") ? .csv(columns: columns) : .text
    let files = try PhotoList(arguments.positionals).files
    if case .csv(let columns) = form { try Console.print(CSVText.line(titles(columns))) }
    var failures = 0
    var progress = ProgressBar(total: files.count)
    for file in files {
      var answer = Answer(file: file, model: model.name)
      do {
        answer.predictions = Array(try classifier(PhotoSource.image(file)).above(least).prefix(top))
      } catch {
        answer.error = SwiftletTool.oneLine(error)
        failures += 1
      }
      progress.clear()
      try print(answer, form)
      progress.advance()
    }
    progress.clear()
    return failures == 0 ? 0 : 1
  }

  private static func print(_ answer: Answer, _ form: Form) throws {
    switch form {
    case .json: try Console.printJSON(answer)
    case .csv(let columns):
      try Console.print(CSVText.line(cells(answer, columns)))
      if let error = answer.error { Console.warn("error: \(error)") }
    case .text:
      if let predictions = answer.predictions {
        for line in text(answer.file, predictions) { try Console.print(line) }
      } else if let error = answer.error {
        Console.warn("error: \(error)")
      }
    }
  }

  private static func titles(_ columns: Int) -> [String] {
    ["file", "label", "probability"]
      + (1..<max(columns, 1)).flatMap { ["label_\($0 + 1)", "probability_\($0 + 1)"] } + ["error"]
  }

  private static func cells(_ answer: Answer, _ columns: Int) -> [String?] {
    let predictions = answer.predictions ?? []
    let pairs = (0..<max(columns, 1)).flatMap { index -> [String?] in
      guard predictions.indices.contains(index) else { return [nil, nil] }
      return [predictions[index].label, "\(predictions[index].probability)"]
    }
    return [Console.printsToTerminal ? FileName.shown(answer.file) : answer.file] + pairs + [answer.error]
  }

  /// The file's name, and a line for each class. The name is there for a single file too, so that scripts see one form.
  private static func text(_ file: String, _ predictions: [Prediction]) -> [String] {
    let width = predictions.map(\.label.cells).max() ?? 0
    let lines = predictions.map { prediction in
      let percent = (100 * prediction.probability).fixed(2).leftPadded(to: 6)
      let bar = String(repeating: "█", count: Int((20 * prediction.probability).rounded()))
      return
        "\(percent) %  \(bar.isEmpty ? prediction.label : prediction.label.padded(to: width) + "  " + bar)"
    }
    let name = FileName.shown(file)
    return lines.isEmpty ? ["\(name): no class above the threshold"] : [name] + lines.map { "  " + $0 }
  }
}
