// SummaryCommand.swift: a network as its paper's table.

import SwiftletModules

/// `swiftlet summary MODEL`.
struct SummaryCommand: Command {
  static let spec = CommandSpec(
    name: "summary", summary: "Print a network as its paper's table, with shapes and costs",
    positionals: "MODEL", count: 1...1,
    discussion: """
      MODEL is a network's name or a model's file. Prints the rows of the paper's table with the output shape, the trainable parameters and the
      multiply-adds (of convolutions and linear layers, for one image) of each. 't/exp' is the expansion: a
      factor in MobileNetV2, channels in V3. 'c' are channels at width 1, 'n' repeats, 's' strides, '+' the blocks with a
      shortcut. 'R6, linear' is ReLU6 with a linear projection. A file whose
      network is a graph has no such table: its operations are listed.
      """,
    options: [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("layers", "List every operation too."),
      .flag("csv", "Print the table as CSV."),
      .flag("markdown", "Print the table as Markdown."),
      .flag("json", "Print one JSON object: name, parameters, multiplyAdds, resolution, rows, …"),
    ],
    examples: [
      "swiftlet summary mobilenet_v2", "swiftlet summary mobilenet_v1 --width 0.75 --resolution 160",
      "swiftlet summary mobilenet_v3_large --dialect torchvision --width 0.75 --json",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let network = try NetworkChoice(
      arguments.positionals[0], try NetworkOptions.parse(arguments),
      stateDict: arguments.string("state-dict"))
    let summary = try network.definition.summary(layers: arguments.flag("layers"))
    if arguments.flag("json") {
      try Console.printJSON(summary)
      return 0
    }
    if arguments.flag("csv") || arguments.flag("markdown") {
      for part in [summary.rows.isEmpty ? nil : table(summary), summary.layers.map { table($0) }] {
        for line in part.map({ arguments.flag("csv") ? $0.csv : $0.markdown }) ?? [] {
          try Console.print(line)
        }
      }
      return 0
    }
    try Console.print(heading(summary))
    try Console.print("")
    if !summary.rows.isEmpty {
      for line in table(summary).lines { try Console.print(line) }
    }
    if let layers = summary.layers {
      if !summary.rows.isEmpty { try Console.print("") }
      for line in table(layers).lines { try Console.print(line) }
    }
    try Console.print("")
    try Console.print(
      "\(summary.parameters.grouped) parameters, \(summary.multiplyAdds.grouped) multiply-adds, "
        + "\(summary.peakActivationBytes.shortBytes) of activations at most (one operation at a time, f32)")
    if summary.gateMultiplies > 0 {
      try Console.print(
        "\(summary.gateMultiplies.grouped) multiplications of squeeze-and-excite gates are not counted above")
    }
    return 0
  }

  private static func heading(_ summary: NetworkSummary) -> String {
    let source =
      summary.dialect.flatMap { dialect in
        summary.width.map { "\(dialect.rawValue) · width \($0.trimmed)" }
      } ?? "graph"
    return
      "\(summary.name) · \(source) · \(summary.resolution)×\(summary.resolution) · \(summary.classes) classes"
  }

  private static func table(_ summary: NetworkSummary) -> TextTable {
    var table = TextTable([
      "input ", "operator ", "t/exp", "c", "n", "s", "SE ", "NL ", "+", "output ", "parameters",
      "multiply-adds",
    ])
    for row in summary.rows {
      table.add([
        row.input.image, row.operator, row.expand, row.channels.map(String.init), String(row.repeats),
        row.stride.map(String.init), row.squeeze,
        row.activation.map { $0 + (row.projection.map { ", \($0)" } ?? "") },
        row.shortcuts > 0 ? String(row.shortcuts) : nil, row.output.image, row.parameters.grouped,
        row.multiplyAdds.grouped,
      ])
    }
    table.addRule()
    table.add([
      "", "total", "", "", "", "", "", "", "", "", summary.parameters.grouped, summary.multiplyAdds.grouped,
    ])
    return table
  }

  private static func table(_ layers: [NetworkSummary.Layer]) -> TextTable {
    var table = TextTable([
      "layer ", "operation ", "output ", "parameters", "multiply-adds", "elementwise",
    ])
    for layer in layers {
      table.add([
        layer.label, layer.operation, layer.output.image, layer.parameters.grouped,
        layer.multiplyAdds.grouped, layer.elementwise.grouped,
      ])
    }
    return table
  }
}

extension Shape {
  /// Without the batch: `112×112×32`, `1000`.
  fileprivate var image: String { Shape(Array(dimensions.dropFirst())).description }
}

extension Double {
  /// Without a trailing `.0`.
  var trimmed: String { self == rounded() && magnitude < 1e9 ? "\(Int(self))" : "\(self)" }
}
