// CompareCommand.swift: networks side by side, and the papers' own comparisons.

import SwiftletModules

/// `swiftlet compare A B…`.
struct CompareCommand: Command {
  /// A comparison that a paper makes.
  enum Preset: String, CaseIterable {
    case separable
    case vgg
    case v1v2 = "v1-v2"

    var networks: [String] {
      switch self {
      case .separable: ["mobilenet_v1_full_conv", "mobilenet_v1"]
      case .vgg: ["vgg16", "mobilenet_v1"]
      case .v1v2: ["mobilenet_v1", "mobilenet_v2"]
      }
    }

    var claim: String {
      switch self {
      case .separable:
        "MobileNetV1, Table 4: depthwise separable layers cost 1/N + 1/k² of full convolutions, for 1.1 points."
      case .vgg:
        "MobileNetV1, Table 8: nearly as accurate as VGG-16 (0.9 points less) with 1/32 of the parameters."
      case .v1v2:
        "MobileNetV2, Table 4: more accurate than MobileNetV1 with fewer parameters and half the work."
      }
    }
  }

  /// One network of `compare --json`.
  struct Entry: Encodable {
    let name: String
    let parameters: Int, multiplyAdds: Int, peakActivationBytes: Int
    let publishedTop1: Double?
    /// The arena of the engine's plan for one image on one thread, where asked for.
    let engineActivationBytes: Int?
    let ratios: Ratios
  }

  /// A network's figures over the first one's.
  struct Ratios: Encodable {
    let parameters: Double, multiplyAdds: Double, peakActivationBytes: Double
  }

  /// The output of `compare --json`.
  struct Comparison: Encodable {
    let preset: String?
    let claim: String?
    let networks: [Entry]
    let rows: [RowPair]?
  }

  /// Two rows of two tables that do the same work in two ways.
  struct RowPair: Encodable {
    let output: Shape
    let first: String, second: String
    let multiplyAdds: [Int]
    let parameters: [Int]
    let ratio: Double
  }

  static let spec = CommandSpec(
    name: "compare", summary: "Put networks side by side",
    positionals: "[MODEL|RUN…]", count: 0...12,
    discussion: """
      MODEL is a network's name or a model's file. Behind a name may be a width, a resolution and ablations:
      mobilenet_v1@0.5:160, mobilenet_v2+relu+no-shortcut; there are activations, no-squeeze, squeeze=R, no-shortcut,
      nonlinear, expand=T and total-stride=N. Compares parameters, multiply-adds, peak activation memory (one operation at a time, f32) and published
      accuracy; ratios are to the first network. --preset gives a paper's own comparison instead:
        separable  depthwise separable against full convolution, layer by layer (MobileNetV1, Table 4)
        vgg        MobileNetV1 against VGG-16 (MobileNetV1, Table 8)
        v1-v2      MobileNetV2 against MobileNetV1 (MobileNetV2, Table 4)
      Folders of runs are compared by their results instead: best and last score, losses, speed and time, and with
      --output their curves over each other, by epochs and by minutes.
      """,
    options: [.value("preset", "NAME", "separable, vgg or v1-v2.")] + [NetworkOptions.stateDict]
      + NetworkOptions.specs + [
        .flag("memory", "Show the memory of the engine's plans too (always with v1-v2); it fuses blocks."),
        .flag("rows", "Show two networks row by row as well."),
        .value("output", "FILE.html", "Write a page with the curves of runs."),
        .flag("json", "Print one JSON object: networks with ratios, and rows; or runs."),
      ],
    examples: [
      "swiftlet compare mobilenet_v1 mobilenet_v2 mobilenet_v3_large", "swiftlet compare --preset separable",
      "swiftlet compare runs/plain runs/se --output runs.html",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let preset = try arguments.choice("preset", Preset.self)
    let names = preset.map(\.networks) ?? arguments.positionals
    guard names.count >= 2, preset == nil || arguments.positionals.isEmpty else {
      throw UsageError("'compare' needs two networks or more, or --preset alone")
    }
    let folders = names.filter(RunComparison.isRun)
    if !folders.isEmpty {
      guard folders.count == names.count else {
        throw UsageError(
          "'compare' takes runs or networks, not both: '\(names.first { !folders.contains($0) } ?? "")' is not a run's folder"
        )
      }
      return try compareRuns(names, arguments)
    }
    guard arguments.string("output") == nil else {
      throw UsageError("--output is a page of runs' curves; these are networks")
    }
    let options = try NetworkOptions.parse(arguments)
    let networks = try names.map { try NetworkChoice($0, options, stateDict: arguments.string("state-dict")) }
    let summaries = try networks.map { try $0.definition.summary() }
    let first = summaries[0]
    let showsMemory = arguments.flag("memory") || preset == .v1v2
    let memory = try networks.map { showsMemory ? try engineMemory($0) : nil }
    let entries = summaries.indices.map { index in
      let (name, summary) = (names[index], summaries[index])
      return
        Entry(
          // Two widths of a network are told apart by what was asked for.
          name: name.contains("@") ? name : summary.name, parameters: summary.parameters,
          multiplyAdds: summary.multiplyAdds,
          peakActivationBytes: summary.peakActivationBytes,
          // Published figures are those of the default form only.
          publishedTop1: options == ZooOptions() ? published(summary) : nil,
          engineActivationBytes: memory[index],
          ratios: Ratios(
            parameters: Double(summary.parameters) / Double(first.parameters),
            multiplyAdds: Double(summary.multiplyAdds) / Double(first.multiplyAdds),
            peakActivationBytes: Double(summary.peakActivationBytes) / Double(first.peakActivationBytes)))
    }
    let rows = arguments.flag("rows") || preset == .separable ? try pairRows(summaries) : nil
    if arguments.flag("json") {
      try Console.printJSON(
        Comparison(preset: preset?.rawValue, claim: preset?.claim, networks: entries, rows: rows))
      return 0
    }
    if let preset { try Console.print(preset.claim + "\n") }
    for line in table(entries).lines { try Console.print(line) }
    if showsMemory {
      try Console.print(
        "\nPeak activations count one operation at a time, with every tensor whole. The engine computes an inverted residual in strips\n"
          + "and never holds its expanded tensor, which is why the paper's Table 3 and the arena have MobileNetV2 below MobileNetV1."
      )
    }
    if let rows {
      try Console.print("")
      for line in table(rows, summaries).lines { try Console.print(line) }
    }
    return 0
  }

  /// Bytes of the arena in which the engine runs one image on one thread.
  private static func engineMemory(_ network: NetworkChoice) throws -> Int {
    let graph = try network.definition.graph(batch: 1)
    var backend = CPUBackend(threads: 1)
    backend.mostActivationBytes = .max
    return try backend.inferencePlan(
      graph, parameters: network.parameters ?? Parameters(initializing: graph, seed: 1)
    ).activationBytes
  }

  /// The accuracy of a network of the zoo in its default form.
  private static func published(_ summary: NetworkSummary) -> Double? {
    guard let entry = try? Zoo.entry(named: summary.name), let plain = try? entry.architecture() else {
      return nil
    }
    return summary.width == plain.width && summary.resolution == plain.resolution
      ? entry.published?.top1 : nil
  }

  /// The rows of two tables, side by side: one by one where both have as many, else those whose results have the same height and
  /// width, added up.
  private static func pairRows(_ summaries: [NetworkSummary]) throws -> [RowPair] {
    guard summaries.count == 2 else { throw UsageError("--rows compares two networks") }
    let (first, second) = (summaries[0].rows, summaries[1].rows)
    let pairs: [([NetworkSummary.Row], [NetworkSummary.Row])]
    if first.count == second.count {
      pairs = zip(first, second).map { ([$0], [$1]) }
    } else {
      func size(_ row: NetworkSummary.Row) -> [Int] { Array(row.output.dimensions.dropFirst().dropLast()) }
      var sizes: [[Int]] = []
      for row in first + second where !sizes.contains(size(row)) { sizes.append(size(row)) }
      sizes.sort { ($0.first ?? 0) > ($1.first ?? 0) }
      pairs = sizes.map { wanted in
        (first.filter { size($0) == wanted }, second.filter { size($0) == wanted })
      }
    }
    func names(_ rows: [NetworkSummary.Row]) -> String {
      rows.isEmpty ? "–" : rows.count == 1 ? rows[0].operator : "\(rows.count) rows"
    }
    func sum(_ rows: [NetworkSummary.Row], _ value: (NetworkSummary.Row) -> Int) -> Int {
      rows.reduce(0) { $0 + value($1) }
    }
    return pairs.compactMap { a, b in
      guard let output = (a.last ?? b.last)?.output, sum(a, \.multiplyAdds) > 0 else { return nil }
      return RowPair(
        output: output, first: names(a), second: names(b),
        multiplyAdds: [sum(a, \.multiplyAdds), sum(b, \.multiplyAdds)],
        parameters: [sum(a, \.parameters), sum(b, \.parameters)],
        ratio: Double(sum(b, \.multiplyAdds)) / Double(sum(a, \.multiplyAdds)))
    }
  }

  private static func table(_ entries: [Entry]) -> TextTable {
    let showsMemory = entries.contains { $0.engineActivationBytes != nil }
    var table = TextTable(
      [
        "network ", "parameters", "ratio", "multiply-adds", "ratio", "peak activations", "ratio", "top-1 %",
      ] + (showsMemory ? ["engine's arena"] : []))
    for entry in entries {
      table.add(
        [
          entry.name, entry.parameters.grouped, ratio(entry.ratios.parameters), entry.multiplyAdds.grouped,
          ratio(entry.ratios.multiplyAdds), entry.peakActivationBytes.shortBytes,
          ratio(entry.ratios.peakActivationBytes), entry.publishedTop1?.fixed(1),
        ] + (showsMemory ? [entry.engineActivationBytes?.shortBytes] : []))
    }
    return table
  }

  private static func table(_ rows: [RowPair], _ summaries: [NetworkSummary]) -> TextTable {
    var table = TextTable([
      "output ", "\(summaries[0].name) ", "multiply-adds", "\(summaries[1].name) ", "multiply-adds", "ratio",
    ])
    for row in rows {
      table.add([
        Shape(Array(row.output.dimensions.dropFirst())).description, row.first,
        row.multiplyAdds[0].grouped, row.second, row.multiplyAdds[1].grouped, ratio(row.ratio),
      ])
    }
    return table
  }

  /// 0.13 as `1/7.5`, 1 as `1`, 2.5 as `2.50`.
  private static func ratio(_ value: Double) -> String {
    if value == 1 { return "1" }
    return value < 0.95 && value > 0 ? "1/\((1 / value).fixed(1 / value < 9.95 ? 2 : 1))" : value.fixed(2)
  }
}
