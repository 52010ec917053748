// EmbedCommand.swift: feature vectors of images.

import SwiftletModules

/// `swiftlet embed PHOTO…`.
struct EmbedCommand: Command {
  /// A line of `embed`.
  struct Answer: Encodable {
    let file: String
    var features: [Float]?
    var error: String?
  }

  static let spec = CommandSpec(
    name: "embed", summary: "Turn images into feature vectors",
    positionals: "PHOTO…", count: 1...100_000,
    discussion: """
      Prints the input of the network's classifier for each image (a folder means all images in it): one JSON object
      per line with file and features, or error. With --output the vectors go to a .npy file, a row for each image,
      and every image must be readable. Without --weights the published weights of --model (default mobilenet_v2)
      are used, which 'swiftlet pull' downloads once.
      """,
    options: [
      .value(
        "weights", "FILE",
        "Weights: a file (Swiftlet's, torchvision's or timm's), a run's folder, or a name of 'pull --list'."),
      .value("model", "NAME", "The network, or 'embedded'; without it, whatever the weights are of."),
      .value("output", "FILE", "A .npy file, float32 [photographs, features], instead of JSON."),
      .value("threads", "N", "Threads of each photograph (default: those of the processor)."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs,
    examples: ["swiftlet embed holiday/ --output holiday.npy", "swiftlet embed owl.jpg"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let engine = try arguments.engine()
    let embedder = try Embedder(ModelChoice(arguments).model(), engine: engine)
    let (files, _) = try PhotoList.expand(arguments.positionals)
    var progress = ProgressBar(total: files.count)
    defer { progress.clear() }
    if let output = arguments.string("output") {
      var floats: [Float] = []
      for file in files {
        floats += try embedder(RGBImage(contentsOf: file))
        progress.advance()
      }
      let tensor = try Tensor(shape: [files.count, embedder.count], floats: floats)
      try NumpyFile.write(tensor, to: output)
      progress.clear()
      try Console.print("\(output): \(tensor.scalarType.rawValue) \(tensor.shape)")
      return 0
    }
    var failures = 0
    for file in files {
      var answer = Answer(file: file)
      do { answer.features = try embedder(RGBImage(contentsOf: file)) } catch {
        answer.error = SwiftletTool.oneLine(error)
        failures += 1
      }
      progress.clear()
      try Console.printJSON(answer)
      progress.advance()
    }
    return failures == 0 ? 0 : 1
  }
}
