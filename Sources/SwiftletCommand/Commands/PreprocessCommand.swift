// PreprocessCommand.swift: a network's input, for comparison with another framework.

import SwiftletModules

/// `swiftlet preprocess PHOTO`.
struct PreprocessCommand: Command {
  /// A stage of preprocessing, from the image to the network's input.
  enum Stage: String, CaseIterable {
    case crop, input
  }

  /// The output of `preprocess --json`.
  struct Result: Encodable {
    let file: String, output: String
    let stage: String
    let shape: Shape
    let scalarType: ScalarType
    let preprocessing: Preprocessing
  }

  static let spec = CommandSpec(
    name: "preprocess", summary: "Write a network's input as a .npy file",
    positionals: "PHOTO", count: 1...1,
    discussion: """
      Writes what 'classify' feeds the network: the decoded, resized, cropped and normalised photograph,
      float32 [1, R, R, 3] (NHWC). --stage crop writes the crop before normalisation instead, uint8 [R, R, 3].
      PHOTO may be '-', standard input.
      """,
    options: [
      .value("output", "FILE", "Where to write (.npy); needed."),
      .value("model", "NAME", "The network, or 'embedded' (default mobilenet_v2)."),
      .value("weights", "FILE", "Weights, where their own preprocessing is wanted."),
      .value("stage", "STAGE", "input (default) or crop."),
    ] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object: file, output, stage, shape, scalarType, preprocessing.")
    ],
    examples: ["swiftlet preprocess owl.jpg --model mobilenet_v2 --output owl.npy"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard let output = arguments.string("output") else {
      throw UsageError("'preprocess' needs --output FILE")
    }
    let stage = try arguments.choice("stage", Stage.self) ?? .input
    let preprocessing = try ModelChoice(arguments).preprocessing()
    let file = arguments.positionals[0]
    let image = try PhotoSource.image(file)
    let tensor: Tensor
    switch stage {
    case .input: tensor = try preprocessing.input(image)
    case .crop:
      let crop = try preprocessing.crop(image)
      tensor = try Tensor(shape: [crop.height, crop.width, 3], bytes: crop.pixels)
    }
    try NumpyFile.write(tensor, to: output)
    if arguments.flag("json") {
      try Console.printJSON(
        Result(
          file: file, output: output, stage: stage.rawValue, shape: tensor.shape,
          scalarType: tensor.scalarType, preprocessing: preprocessing))
    } else {
      try Console.print("\(output): \(tensor.scalarType.rawValue) \(tensor.shape)")
    }
    return 0
  }
}
