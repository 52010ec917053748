// CompareRuns.swift: `compare` of runs: a table, and a page with their curves.

import SwiftletModules

extension CompareCommand {
  /// The output of `compare RUN RUN… --json`.
  struct Runs: Encodable {
    let runs: [RunComparison.Run]
  }

  /// Prints the figures of runs, and writes the page with their curves.
  static func compareRuns(_ folders: [String], _ arguments: Arguments) throws -> Int32 {
    guard folders.count <= RunComparison.most else {
      throw UsageError("'compare' takes up to \(RunComparison.most) runs, got \(folders.count)")
    }
    let refused = (NetworkOptions.specs.map(\.name) + ["memory", "rows"]).first {
      arguments.string($0) != nil || arguments.flag($0)
    }
    if let refused { throw UsageError("--\(refused) is for networks; these are runs") }
    let comparison = try RunComparison(folders: folders)
    if let page = arguments.string("output") {
      guard page.lowercased().hasSuffix(".html") else {
        throw UsageError("--output writes a page: '\(page)' does not end in .html")
      }
      try AtomicFile.write(comparison.html(), to: page)
    }
    if arguments.flag("json") {
      try Console.printJSON(Runs(runs: comparison.runs))
      return 0
    }
    var table = TextTable([
      "run ", "network ", "epochs", "best %", "epoch", "last %", "loss", "validation", "images/s", "minutes",
    ])
    for run in comparison.runs {
      table.add([
        run.folder, run.network, "\(run.epochs)", run.best.map { (100 * $0).fixed(2) },
        run.bestEpoch.map(String.init), run.last.map { (100 * $0).fixed(2) }, run.trainingLoss?.fixed(4),
        run.validationLoss?.fixed(4), run.imagesPerSecond?.fixed(0), (run.seconds / 60).fixed(1),
      ])
    }
    for line in table.lines { try Console.print(line) }
    if let page = arguments.string("output") { try Console.print("curves: \(page)") }
    return 0
  }
}
