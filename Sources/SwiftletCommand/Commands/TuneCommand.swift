// TuneCommand.swift: measures which way is faster on this machine.

import SwiftletModules

/// `swiftlet tune [MODEL…]`.
struct TuneCommand: Command {
  /// A line of `tune --json`.
  struct Result: Encodable {
    let shape: String
    let plainMilliseconds: Double, otherMilliseconds: Double
    let choice: Bool, rule: Bool
  }

  /// Seconds for all shapes together.
  private static let seconds = 20.0

  /// The families, where no network is named.
  private static let usual = [
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "resnet18",
  ]

  static let spec = CommandSpec(
    name: "tune", summary: "Measure which kernels are faster here, and use them from now on",
    positionals: "[MODEL…]", count: 0...50,
    discussion: """
      Times the networks' blocks fused and layer by layer, and their dense 3×3 convolutions directly and by
      Winograd's products, for about 20 seconds in all. The faster way of each shape is kept beside the downloaded
      weights and taken by every later run; a difference below 2 % leaves the built-in rule. Results may differ in
      the last digits. Run it on an idle machine.
      """,
    options: [
      .flag("dry-run", "Measure and print, but keep nothing."),
      .flag("swift", "Print the choices as the source of the table that ships."),
    ] + NetworkOptions.specs + [.flag("json", "Print one JSON object per shape.")],
    examples: ["swiftlet tune", "swiftlet tune mobilenet_v2 --resolution 160 --dry-run"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let options = try NetworkOptions.parse(arguments)
    let names = arguments.positionals.isEmpty ? usual : arguments.positionals
    let architectures = try names.map { try Zoo.architecture($0, options) }
    let sorted = try Tuning.findings(
      architectures.map { .architecture($0) }, seconds: seconds, instructionSet: InstructionSet.chosen())
    let selection = Selection(
      Dictionary(sorted.map { ($0.key, $0.choice) }) { first, _ in first })
    if arguments.flag("json") {
      for finding in sorted {
        try Console.printJSON(
          Result(
            shape: finding.key.description, plainMilliseconds: 1e3 * finding.plain,
            otherMilliseconds: 1e3 * finding.other,
            choice: finding.choice, rule: finding.rule))
      }
    } else if arguments.flag("swift") {
      for finding in sorted {
        try Console.print("      \(finding.choice ? "+" : "-") \(finding.key)")
      }
    } else {
      for line in table(sorted).lines { try Console.print(line) }
    }
    if !arguments.flag("dry-run") {
      let path = try Tuning.save(selection)
      Console.warn("kept in \(path)")
    }
    return 0
  }

  private static func table(_ findings: [Tuner.Finding]) -> TextTable {
    var table = TextTable(["shape ", "layers µs", "fused or Winograd µs", "gain", "taken ", "rule "])
    for finding in findings {
      table.add([
        finding.key.description, (1e6 * finding.plain).fixed(1), (1e6 * finding.other).fixed(1),
        (finding.plain / finding.other).fixed(2), finding.choice ? "yes" : "no", finding.rule ? "yes" : "no",
      ])
    }
    return table
  }
}
