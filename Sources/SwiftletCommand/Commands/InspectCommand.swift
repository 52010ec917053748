// InspectCommand.swift: any station of the way from the table to the plan, as text.

import SwiftletModules

/// `swiftlet inspect MODEL --stage STAGE`.
struct InspectCommand: Command {
  /// A station of the way.
  enum Stage: String, CaseIterable {
    case graph, training, folded, plan
  }

  /// What `inspect --json` prints.
  struct Result: Encodable {
    let name: String, stage: String
    let text: String
    let activationBytes: Int?
    let weightBytes: Int?
  }

  static let spec = CommandSpec(
    name: "inspect", summary: "Print a network's graph or plan",
    positionals: "MODEL", count: 1...1,
    discussion: """
      Prints one station of the way from the paper's table to the machine:
        graph     the operations, with names, shapes and attributes
        training  the same with batch statistics and dropout
        folded    with batch norms folded into the layers before them
        plan      the kernel calls, and where in memory they read and write
      """,
    options: [
      .value("stage", "STAGE", "graph (default), training, folded or plan."),
      .value("batch", "N", "Images at a time (default 1)."),
      .value("threads", "N", "Threads of the plan (default: those of the processor)."),
    ] + NetworkOptions.specs + [
      .flag(
        "json", "Print one JSON object: name, stage, text, and the plan's activationBytes and weightBytes.")
    ],
    examples: ["swiftlet inspect mobilenet_v2 --stage plan"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let stage = try arguments.choice("stage", Stage.self) ?? .graph
    let batch = try arguments.integer("batch", in: 1...1024) ?? 1
    let architecture = try Zoo.architecture(arguments.positionals[0], try NetworkOptions.parse(arguments))
    let graph = try architecture.graph(batch: batch, mode: stage == .training ? .training : .inference)
    let text: String
    var plan: CPUPlan?
    switch stage {
    case .graph, .training: text = graph.description
    case .folded, .plan:
      let (folded, weights) = try graph.applying(
        [FoldBatchNorm()], to: Parameters(initialising: graph, seed: 1))
      if stage == .plan {
        plan = try arguments.engine().plan(folded, parameters: weights)
      }
      text = plan?.description ?? folded.description
    }
    if arguments.flag("json") {
      try Console.printJSON(
        Result(
          name: architecture.name, stage: stage.rawValue, text: text, activationBytes: plan?.activationBytes,
          weightBytes: plan?.weightBytes))
    } else {
      try Console.write(text, to: 1)
    }
    return 0
  }
}
