// TrainingBench.swift: `bench --training`: the speed of training on this machine.

import SwiftletModules

/// The measurements of `bench --training`.
enum TrainingBench {
  /// A line of `bench --training --json`.
  struct Result: Encodable {
    let model: String
    let threads: Int, batch: Int, resolution: Int
    let medianMilliseconds: Double, minimumMilliseconds: Double
    let dispersion: Double
    let runs: Int
    let imagesPerSecond: Double
    let instructionSet: String
    let peakBytes: Int, activationBytes: Int, sessionBytes: Int
  }

  static func run(
    _ networks: [NetworkDefinition], _ arguments: Arguments, threads: [Int], batches: [Int],
    seconds: Double, layers: Bool, json: Bool
  ) throws -> Int32 {
    var table = TextTable([
      "network ", "threads", "batch", "pixels", "median ms", "minimum ms", "± %", "images/s",
      "G multiply-adds/s", "peak memory",
    ])
    for network in networks {
      for count in threads {
        for batch in batches {
          let measured = try TrainingBenchmark(
            network, batch: batch, engine: arguments.engine(threads: count)
          ).measure(seconds: seconds, ops: layers)
          if json {
            try Console.printJSON(
              Result(
                model: network.name, threads: count, batch: batch, resolution: network.resolution,
                medianMilliseconds: 1e3 * measured.median, minimumMilliseconds: 1e3 * measured.minimum,
                dispersion: measured.dispersion, runs: measured.runs,
                imagesPerSecond: Double(batch) / measured.median, instructionSet: measured.instructionSet,
                peakBytes: measured.peakBytes, activationBytes: measured.activationBytes,
                sessionBytes: measured.sessionBytes))
            continue
          }
          table.add([
            network.name, String(count), String(batch), String(network.resolution),
            (1e3 * measured.median).fixed(1), (1e3 * measured.minimum).fixed(1),
            (100 * measured.dispersion).fixed(1), (Double(batch) / measured.median).fixed(1),
            (Double(measured.multiplyAdds) / measured.median / 1e9).fixed(1), measured.peakBytes.shortBytes,
          ])
          if let ops = measured.ops {
            for line in chart(ops, measured.peak).lines { try Console.print(line) }
          }
        }
      }
    }
    if !json { for line in table.lines { try Console.print(line) } }
    return 0
  }

  /// A bar chart of the ops' times on one thread.
  private static func chart(_ ops: [CPUTrainingSession.OpTime], _ peak: Double?) -> TextTable {
    var table = TextTable(["op ", "kind ", "ms", "share", "G multiply-adds/s", "of peak", "time "])
    let total = ops.reduce(0) { $0 + $1.seconds }
    let longest = ops.map(\.seconds).max() ?? 1
    for op in ops where op.seconds > total / 1000 {
      let rate = Double(op.multiplyAdds) / op.seconds
      table.add([
        op.label, op.kind, (1e3 * op.seconds).fixed(2),
        (100 * op.seconds / total).fixed(1) + " %",
        op.multiplyAdds > 0 ? (rate / 1e9).fixed(1) : nil,
        op.multiplyAdds > 0 ? peak.map { (100 * rate / $0).fixed(0) + " %" } : nil,
        String(repeating: "█", count: Int((30 * op.seconds / longest).rounded(.up))),
      ])
    }
    table.addRule()
    return table
  }
}
