// EmbedCommand.swift: feature vectors of images.

import SwiftletModules

/// `swiftlet embed PHOTO…`.
struct EmbedCommand: Command {
  /// A line of `embed`.
  struct Answer: Encodable {
    let file: String, model: String
    var features: [Float]?
    var error: String?
  }

  static let spec = CommandSpec(
    name: "embed", summary: "Turn images into feature vectors",
    positionals: "PHOTO…", count: 1...100_000,
    discussion: """
      Prints the input of the network's classifier for each image (a folder means all images in it and in the folders
      below, '-' standard input): one JSON object per line with file, model and features, or error; with --csv a line with
      the file and its numbers. With --output FILE.npy the vectors go to a file, a row for each image, and the names of the
      images to FILE.csv beside it, in the same order; every image must then be readable, or be left out by
      --skip-broken. --output FILE.csv writes names and numbers in one table. Without --weights the published weights
      of --model (default mobilenet_v2) are used, which 'swiftlet pull' downloads once.
      """,
    options: [
      .value(
        "weights", "FILE",
        "Weights: a file (Swiftlet's, torchvision's or timm's), a run's folder, or a name of 'pull --list'."),
      .value("model", "NAME", "The network, or 'embedded'; without it, whatever the weights are of."),
      .value(
        "output", "FILE", "A .npy file, float32 [photographs, features], or a .csv file, instead of JSON."),
      .flag("skip-broken", "Leave out images that cannot be read, with a line for each."),
      .value("threads", "N", "Threads of each photograph (default: those of the processor)."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object per line per photograph (the default)."),
      .flag("csv", "Print a table: file, and a column for each feature."),
    ],
    examples: [
      "swiftlet embed holiday/ --output holiday.npy --skip-broken", "swiftlet embed owl.jpg",
      "swiftlet embed holiday/ --csv > holiday.csv",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard !(arguments.flag("json") && arguments.flag("csv")) else {
      throw UsageError("--json and --csv are two forms of one output: give one")
    }
    let output = arguments.string("output")
    guard output == nil || !(arguments.flag("json") || arguments.flag("csv")) else {
      throw UsageError("--output writes a file; --json and --csv print")
    }
    let engine = try arguments.engine()
    let embedder = try Embedder(ModelChoice(arguments).model(), engine: engine)
    let files = try PhotoList(arguments.positionals).files
    let skips = arguments.flag("skip-broken")
    var progress = ProgressBar(total: files.count)
    defer { progress.clear() }
    if let output {
      try write(files, embedder, to: output, skips: skips, &progress)
      return 0
    }
    let csv = arguments.flag("csv")
    if csv { try Console.print(CSVText.line(titles(embedder.count))) }
    var failures = 0
    for file in files {
      var answer = Answer(file: file, model: embedder.model.name)
      do { answer.features = try embedder(PhotoSource.image(file)) } catch {
        answer.error = SwiftletTool.oneLine(error)
        failures += 1
      }
      progress.clear()
      if let error = answer.error, csv || skips {
        Console.warn(skips ? "left out: \(error)" : "error: \(error)")
      } else if csv {
        try Console.print(line(file, answer.features ?? []))
      } else {
        try Console.printJSON(answer)
      }
      progress.advance()
    }
    try checkSome(files, failures)
    return failures == 0 || skips ? 0 : 1
  }

  private static func write(
    _ files: [String], _ embedder: Embedder, to output: String, skips: Bool, _ progress: inout ProgressBar
  ) throws {
    var names: [String] = []
    var floats: [Float] = []
    for file in files {
      do {
        floats += try embedder(PhotoSource.image(file))
        names.append(file)
      } catch  where skips {
        progress.clear()
        Console.warn("left out: \(SwiftletTool.oneLine(error))")
      }
      progress.advance()
    }
    progress.clear()
    try checkSome(files, files.count - names.count)
    let count = embedder.count
    if output.lowercased().hasSuffix(".csv") {
      try writeText(
        [CSVText.line(titles(count))]
          + names.enumerated().map { line($1, Array(floats[($0 * count)..<(($0 + 1) * count)])) },
        to: output)
      try Console.print("\(output): \(names.count) images, \(count) features")
      return
    }
    let tensor = try Tensor(shape: [names.count, count], floats: floats)
    try NumpyFile.write(tensor, to: output)
    let list = (output.lowercased().hasSuffix(".npy") ? String(output.dropLast(4)) : output) + ".csv"
    try writeText(
      ["row,file"] + names.enumerated().map { CSVText.line(["\($0)", $1]) }, to: list)
    try Console.print("\(output): \(tensor.scalarType.rawValue) \(tensor.shape); names in \(list)")
  }

  private static func writeText(_ lines: [String], to path: String) throws {
    try AtomicFile.write(to: path) { append in
      for line in lines { try Array((line + "\n").utf8).withUnsafeBytes(append) }
    }
  }

  /// An output without any image is a failure, whatever is left out.
  private static func checkSome(_ files: [String], _ failures: Int) throws {
    if failures == files.count, files.count > 1 {
      throw CommandError("none of the \(files.count) images could be read")
    }
  }

  private static func titles(_ count: Int) -> [String] { ["file"] + (0..<count).map { "feature_\($0)" } }

  private static func line(_ file: String, _ features: [Float]) -> String {
    CSVText.line([file] + features.map { "\($0)" })
  }
}
