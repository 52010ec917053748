// InspectCommand.swift: any stage of compilation, as text.

import SwiftletModules

/// `swiftlet inspect MODEL --stage STAGE`.
struct InspectCommand: Command {
  /// A stage of compilation.
  enum Stage: String, CaseIterable {
    case graph, training, folded, plan
  }

  /// The output of `inspect --json`.
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
      MODEL is a network's name or a model's file. Prints one stage of compilation:
        graph     the operations, with names, shapes and attributes
        training  the same with batch statistics and dropout
        folded    with constants computed and batch norms folded into the layers before them
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
    examples: ["swiftlet inspect mobilenet_v2 --stage plan", "swiftlet inspect model.safetensors"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let stage = try arguments.choice("stage", Stage.self) ?? .graph
    let batch = try arguments.integer("batch", in: 1...1024) ?? 1
    let network = try NetworkChoice(arguments.positionals[0], try NetworkOptions.parse(arguments))
    let graph = try network.definition.graph(batch: batch, mode: stage == .training ? .training : .inference)
    let text: String
    var plan: CPUPlan?
    switch stage {
    case .graph, .training: text = graph.description
    case .folded, .plan:
      let parameters = try network.parameters ?? Parameters(initializing: graph, seed: 1)
      if stage == .plan { plan = try arguments.engine().inferencePlan(graph, parameters: parameters) }
      text = try plan?.description ?? graph.preparedForInference(parameters).0.description
    }
    if arguments.flag("json") {
      try Console.printJSON(
        Result(
          name: network.definition.name, stage: stage.rawValue, text: text,
          activationBytes: plan?.activationBytes,
          weightBytes: plan?.weightBytes))
    } else {
      try Console.write(text, to: 1)
    }
    return 0
  }
}
