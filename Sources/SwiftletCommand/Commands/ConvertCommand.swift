// ConvertCommand.swift: another library's weights as one of our files.

import SwiftletModules

/// `swiftlet convert WEIGHTS --output FILE`.
struct ConvertCommand: Command {
  /// The output of `convert --json`.
  struct Result: Encodable {
    let file: String, output: String
    let name: String
    /// `nil` for a graph.
    let dialect: Dialect?
    let parameters: Int, classes: Int, resolution: Int
  }

  static let spec = CommandSpec(
    name: "convert", summary: "Write weights as one self-contained file",
    positionals: "WEIGHTS", count: 1...1,
    discussion: """
      Reads a model (torchvision's or timm's weights, or a file of Swiftlet's) and writes it as one safetensors
      file that holds everything: weights, network, preprocessing and labels. The names and shapes of the
      tensors tell which network it is; --model and --dialect decide where two share them. A checksum in the
      name of the file, as in mobilenet_v2-b0353104.pth, is compared with the file.
      """,
    options: [
      .value("output", "FILE", "Where to write (.safetensors); needed."),
      .value("model", "NAME", "The network that it must be."),
      .value("labels", "FILE", "Names of the classes, one a line."),
      .flag("half", "Keep the weights of layers in 16 bits: half the file; norms and biases stay in 32."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object: file, output, name, dialect, parameters, classes, resolution.")
    ],
    examples: ["swiftlet convert mobilenet_v2-b0353104.pth --output mobilenet_v2.safetensors"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard let output = arguments.string("output") else { throw UsageError("'convert' needs --output FILE") }
    guard output.lowercased().hasSuffix(".safetensors") else {
      throw UsageError("\(output): 'convert' writes safetensors only; give --output the ending .safetensors")
    }
    let input = arguments.positionals[0]
    var model = try ModelChoice.read(
      input, network: arguments.string("model"), options: try NetworkOptions.parse(arguments),
      stateDict: arguments.string("state-dict"), checksDigest: true)
    if let path = arguments.string("labels") {
      let labels = try LabelFile.read(path)
      guard labels.count == model.classes else {
        throw UsageError("\(path): has \(labels.count) labels for \(model.classes) classes")
      }
      model = try Model(
        model.definition, parameters: model.parameters, preprocessing: model.preprocessing, labels: labels
      ).with(task: model.task).with(missingHead: model.missingHead)
    }
    if arguments.flag("half") { model = try model.inHalfPrecision() }
    try model.save(to: output)
    let result = Result(
      file: input, output: output, name: model.name, dialect: model.architecture?.dialect,
      parameters: try model.definition.graph().parameterCount,
      classes: model.missingHead == nil ? model.classes : 0,
      resolution: model.definition.resolution)
    if arguments.flag("json") {
      try Console.printJSON(result)
    } else {
      try Console.print(
        "\(output): \(result.name) (\(result.dialect?.rawValue ?? "graph")), \(result.parameters.grouped) parameters, "
          + "\(model.missingHead == nil ? "\(result.classes) classes" : "no classifier"), \(result.resolution)×\(result.resolution)"
      )
    }
    return 0
  }
}
