// ModelsCommand.swift: the list of networks.

import SwiftletModules

/// `swiftlet models`.
struct ModelsCommand: Command {
  /// A line of `models --json`.
  struct Entry: Encodable {
    let name: String
    let resolution: Int, classes: Int
    let parameters: Int, multiplyAdds: Int
    let publishedTop1: Double?
    let publishedSource: String?
    let paper: String
    let pull: [String]
  }

  static let spec = CommandSpec(
    name: "models", summary: "List every network with its costs and published accuracy",
    positionals: "", count: 0...0,
    discussion: """
      Lists every network with its trainable parameters, multiply-adds, published top-1 accuracy (ImageNet
      validation; the CIFAR-10 test set for cifar_*) and where that was published, at width 1 and under the
      paper's conventions. A star marks networks that 'swiftlet pull' has published weights for.
      """,
    options: [.flag("json", "Print one JSON object per line per network.")],
    examples: ["swiftlet models"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let entries = try Zoo.entries.map { entry in
      let architecture = try entry.architecture()
      let graph = try architecture.graph()
      return Entry(
        name: entry.name, resolution: architecture.resolution, classes: architecture.classes,
        parameters: graph.parameterCount, multiplyAdds: graph.multiplyAdds,
        publishedTop1: entry.published?.top1, publishedSource: entry.published?.source, paper: entry.paper,
        pull: WeightSource.all.filter { $0.network == entry.name }.map(\.name))
    }
    if arguments.flag("json") {
      for entry in entries { try Console.printJSON(entry) }
      return 0
    }
    var table = TextTable([
      "network ", "input", "parameters", "multiply-adds", "top-1 %", "published in ", "defined in ",
    ])
    for entry in entries {
      table.add([
        entry.name + (entry.pull.isEmpty ? "" : " *"), String(entry.resolution), entry.parameters.grouped,
        entry.multiplyAdds.short, entry.publishedTop1?.fixed(1), entry.publishedSource, entry.paper,
      ])
    }
    for line in table.lines { try Console.print(line) }
    try Console.print("")
    try Console.print("* published weights: swiftlet pull NAME")
    return 0
  }
}
