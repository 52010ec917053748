// DataCommand.swift: a data set at a glance, before anything is trained on it.

import SwiftletModules

/// `swiftlet data PATH`.
struct DataCommand: Command {
  static let spec = CommandSpec(
    name: "data", summary: "Show how a data set is understood",
    positionals: "PATH", count: 1...1,
    discussion: """
      Prints the classes with the number of their images, the parts, how files and columns were understood, and
      remarks, which begin with !: images that are left out and why, images that are in two parts or in two classes,
      classes that are much larger than others. 'swiftlet train' prints the same before it begins.
      Documentation/data-sets.md describes what is read.
      """,
    options: [
      .flag(
        "multi-label", "An image may have any number of classes: a list, as for train --task multi-label.")
    ] + DataChoice.specs + [
      .value("seed", "N", "Seed of the held-out share (default 1)."),
      .flag("json", "Print one JSON object."),
    ],
    examples: ["swiftlet data flowers/", "swiftlet data photos.csv --strict"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let seed = try arguments.integer("seed", in: 0...Int.max) ?? 1
    let choice = try DataChoice(
      arguments, path: arguments.positionals[0], isMultiLabel: arguments.flag("multi-label"),
      seed: UInt64(seed))
    if arguments.flag("json") {
      try Console.printJSON(choice.overview)
    } else {
      for line in choice.overview.lines { try Console.print(line) }
    }
    return 0
  }
}
