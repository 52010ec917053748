// BenchCommand.swift: the speed of networks on this machine.

import SwiftletModules

/// `swiftlet bench MODEL…`.
struct BenchCommand: Command {
  /// A line of `bench --json`.
  struct Result: Encodable {
    let model: String
    let threads: Int, batch: Int, resolution: Int
    let medianMilliseconds: Double, minimumMilliseconds: Double
    let dispersion: Double
    let runs: Int
    let imagesPerSecond: Double
    let instructionSet: String
    let activationBytes: Int
    /// Of one core, measured beside the layers.
    let peakMultiplyAddsPerSecond: Double?
    let layers: [Layer]?
  }

  /// A step of the plan, with `--layers`.
  struct Layer: Encodable {
    let labels: [String]
    let kind: String
    let milliseconds: Double
    let multiplyAdds: Int
    /// The share of one core's peak.
    let shareOfPeak: Double
  }

  static let spec = CommandSpec(
    name: "bench", summary: "Measure how fast networks run here",
    positionals: "MODEL…", count: 1...50,
    discussion: """
      MODEL is a network's name or a model's file. Runs each network with seeded random weights, for every number of threads and batch size given, and prints
      the median, the minimum and the dispersion (half of the middle 80 % over the median) of a run's time.
      """,
    options: [
      .value("threads", "LIST", "Numbers of threads, such as 1,2 (default 1)."),
      .value("batch", "LIST", "Batch sizes, such as 1,8 (default 1)."),
      .value("seconds", "S", "How long to measure each (default 2)."),
      .flag("layers", "Show the time of each step on one thread, and its share of what the core can do."),
      .flag("half-weights", "Keep weights in half precision."),
      .flag("training", "Time whole steps of training (forward, loss, backward, SGD) instead."),
    ] + [NetworkOptions.stateDict] + NetworkOptions.specs + [
      .flag("json", "Print one JSON object per model, number of threads and batch size.")
    ],
    examples: [
      "swiftlet bench mobilenet_v2 --threads 1,2", "swiftlet bench mobilenet_v3_small --layers",
      "swiftlet bench mobilenet_v2 --training --batch 32 --threads 2",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    let threads = try list(arguments, "threads", 1...256)
    let batches = try list(arguments, "batch", 1...1024)
    let seconds = try arguments.number("seconds") ?? 2
    guard seconds > 0, seconds <= 3600 else {
      throw UsageError("--seconds takes a time in seconds, got \(seconds)")
    }
    let options = try NetworkOptions.parse(arguments)
    let networks = try arguments.positionals.map {
      try NetworkChoice($0, options, stateDict: arguments.string("state-dict")).definition
    }
    let json = arguments.flag("json")
    if arguments.flag("training") {
      return try TrainingBench.run(
        networks, arguments, threads: threads, batches: batches, seconds: seconds,
        layers: arguments.flag("layers"), json: json)
    }
    var table = TextTable([
      "network ", "threads", "batch", "pixels", "median ms", "minimum ms", "± %", "images/s",
      "G multiply-adds/s",
    ])
    for network in networks {
      for count in threads {
        for batch in batches {
          let measured = try Benchmark(
            network, batch: batch,
            engine: arguments.engine(threads: count, halfWeights: arguments.flag("half-weights"))
          )
          .measure(seconds: seconds, steps: arguments.flag("layers"))
          let result = Result(
            model: network.name, threads: count, batch: batch, resolution: network.resolution,
            medianMilliseconds: 1e3 * measured.median, minimumMilliseconds: 1e3 * measured.minimum,
            dispersion: measured.dispersion, runs: measured.runs,
            imagesPerSecond: Double(batch) / measured.median, instructionSet: measured.instructionSet,
            activationBytes: measured.activationBytes, peakMultiplyAddsPerSecond: measured.peak,
            layers: measured.steps?.map { step in
              Layer(
                labels: step.labels, kind: step.kind, milliseconds: 1e3 * step.seconds,
                multiplyAdds: step.multiplyAdds, shareOfPeak: share(step, of: measured.peak))
            })
          if json {
            try Console.printJSON(result)
            continue
          }
          table.add([
            network.name, String(count), String(batch), String(network.resolution),
            result.medianMilliseconds.fixed(3), result.minimumMilliseconds.fixed(3),
            (100 * measured.dispersion).fixed(1), result.imagesPerSecond.fixed(1),
            (Double(measured.multiplyAdds) / measured.median / 1e9).fixed(1),
          ])
          if let steps = measured.steps {
            for line in chart(steps, measured.peak).lines { try Console.print(line) }
          }
        }
      }
    }
    if !json { for line in table.lines { try Console.print(line) } }
    return 0
  }

  /// A step's multiply-adds per second over the peak of one core. Winograd's convolutions count as if done directly, and can exceed 1.
  private static func share(_ step: Benchmark.StepTime, of peak: Double?) -> Double {
    guard let peak, peak > 0, step.seconds > 0 else { return 0 }
    return Double(step.multiplyAdds) / step.seconds / peak
  }

  /// A bar chart of the steps' times.
  private static func chart(_ steps: [Benchmark.StepTime], _ peak: Double?) -> TextTable {
    var table = TextTable(["step ", "kind ", "µs", "share", "G multiply-adds/s", "of peak", "time "])
    let total = steps.reduce(0) { $0 + $1.seconds }
    let longest = steps.map(\.seconds).max() ?? 1
    for step in steps {
      table.add([
        step.labels.first, step.kind, (1e6 * step.seconds).fixed(1),
        (100 * step.seconds / total).fixed(1) + " %",
        step.multiplyAdds > 0 ? (Double(step.multiplyAdds) / step.seconds / 1e9).fixed(1) : nil,
        step.multiplyAdds > 0 ? (100 * share(step, of: peak)).fixed(0) + " %" : nil,
        String(repeating: "█", count: Int((30 * step.seconds / longest).rounded(.up))),
      ])
    }
    table.addRule()
    return table
  }

  private static func list(_ arguments: Arguments, _ name: String, _ allowed: ClosedRange<Int>) throws
    -> [Int]
  {
    guard let text = arguments.string(name) else { return [1] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let number = Int(word), allowed.contains(number) else {
        throw UsageError(
          "--\(name) takes numbers from \(allowed.lowerBound) to \(allowed.upperBound), such as 1,2; got '\(text)'"
        )
      }
      return number
    }
  }
}
