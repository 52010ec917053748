// InspectCommand.swift: any stage of compilation, as text.

import SwiftletModules

/// `swiftlet inspect MODEL --stage STAGE`.
struct InspectCommand: Command {
  /// A stage of compilation.
  enum Stage: String, CaseIterable {
    case architecture, graph, training, folded, plan, dot
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
        architecture  the table as JSON: edit it, and train it with --model FILE.json
        graph     the operations, with names, shapes and attributes
        dot       the same for Graphviz: … --stage dot | dot -Tsvg > network.svg
        training  the same with batch statistics and dropout
        folded    with constants computed and batch norms folded into the layers before them
        plan      the kernel calls, and where in memory they read and write
      """,
    options: [
      .value("stage", "STAGE", "architecture, graph (default), dot, training, folded or plan."),
      .value("batch", "N", "Images at a time (default 1)."),
      .value("threads", "N", "Threads of the plan (default: those of the processor)."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag(
        "json", "Print one JSON object: name, stage, text, and the plan's activationBytes and weightBytes.")
    ],
    examples: ["swiftlet inspect mobilenet_v2 --stage plan", "swiftlet inspect model.safetensors"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let stage = try arguments.choice("stage", Stage.self) ?? .graph
    let batch = try arguments.integer("batch", in: 1...1024) ?? 1
    let network = try NetworkChoice(
      arguments.positionals[0], try NetworkOptions.parse(arguments),
      stateDict: arguments.string("state-dict"))
    if stage == .architecture {
      guard case .architecture(let architecture) = network.definition else {
        throw UsageError("\(network.definition.name) is a graph, which has no table; see --stage graph")
      }
      try Console.print(try StableJSON.text(architecture, isIndented: true))
      return 0
    }
    let graph = try network.definition.graph(batch: batch, mode: stage == .training ? .training : .inference)
    let text: String
    var plan: CPUPlan?
    switch stage {
    case .architecture, .graph, .training: text = graph.description
    case .dot: text = graph.dot
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
