// ClassifyCommand.swift: the classes of images, with probabilities.

import SwiftletModules

/// `swiftlet classify PHOTO…`.
struct ClassifyCommand: Command {
  /// A line of `classify --json`.
  struct Answer: Encodable {
    let file: String
    var predictions: [Prediction]?
    var error: String?
  }

  static let spec = CommandSpec(
    name: "classify", summary: "Classify images",
    positionals: "PHOTO…", count: 1...100_000,
    discussion: """
      Prints the most probable classes of each image (JPEG, PNG, WebP, BMP; a folder means all images in it).
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
      .flag("json", "Print one JSON object per line per photograph: file, predictions or error.")
    ],
    examples: [
      "swiftlet classify owl.jpg", "swiftlet classify holiday/ --top 1",
      "swiftlet classify owl.jpg --weights mobilenet_v2-b0353104.pth --json",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let threshold = try arguments.probability("threshold")
    let engine = try arguments.engine(halfWeights: arguments.flag("half-weights"))
    let classifier = try Classifier(ModelChoice(arguments).model(fallsBack: true), engine: engine)
    var usual: Double?
    if case .any(let threshold) = classifier.model.task.rule { usual = threshold }
    let least = threshold ?? usual ?? 0
    let top = try arguments.integer("top", in: 1...Int.max) ?? (usual == nil && threshold == nil ? 5 : .max)
    let (files, isFolder) = try PhotoList.expand(arguments.positionals)
    let json = arguments.flag("json")
    var failures = 0
    var progress = ProgressBar(total: files.count)
    for file in files {
      var answer = Answer(file: file)
      do {
        answer.predictions = Array(try classifier(RGBImage(contentsOf: file)).above(least).prefix(top))
      } catch {
        answer.error = SwiftletTool.oneLine(error)
        failures += 1
      }
      progress.clear()
      if json {
        try Console.printJSON(answer)
      } else if let predictions = answer.predictions {
        for line in text(file, predictions, named: files.count > 1 || isFolder) { try Console.print(line) }
      } else if let error = answer.error {
        Console.warn("error: \(error)")
      }
      progress.advance()
    }
    progress.clear()
    return failures == 0 ? 0 : 1
  }

  private static func text(_ file: String, _ predictions: [Prediction], named: Bool) -> [String] {
    let width = predictions.map(\.label.count).max() ?? 0
    let lines = predictions.map { prediction in
      let percent = (100 * prediction.probability).fixed(2).leftPadded(to: 6)
      let bar = String(repeating: "█", count: Int((20 * prediction.probability).rounded()))
      return
        "\(percent) %  \(bar.isEmpty ? prediction.label : prediction.label.padded(to: width) + "  " + bar)"
    }
    if lines.isEmpty {
      return [named ? "\(file): no class above the threshold" : "no class above the threshold"]
    }
    return named ? [file] + lines.map { "  " + $0 } : lines
  }
}
