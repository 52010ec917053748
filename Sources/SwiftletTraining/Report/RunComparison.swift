// RunComparison.swift: runs side by side: their figures, and a page with their curves over each other.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Runs side by side, read from their folders.
package struct RunComparison: Sendable {
  /// A run as its folder has it.
  package struct Run: Sendable, Encodable, Equatable {
    /// The folder, and the network.
    package let folder: String, network: String
    /// Epochs that are done.
    package let epochs: Int
    /// The metric that chooses the best epoch: `top-1`; `nil` without validation.
    package let metric: String?
    /// The best epoch with its score, and the score of the last epoch: shares.
    package let bestEpoch: Int?, best: Double?, last: Double?
    /// The losses of the last epoch.
    package let trainingLoss: Double?, validationLoss: Double?
    /// Images trained on in a second, over the whole run.
    package let imagesPerSecond: Double?
    /// Seconds of training and validation together.
    package let seconds: Double
  }

  /// The most runs that a page can tell apart.
  package static let most = 10

  /// The runs in the order in which they were given.
  package let runs: [Run]
  private let records: [[EpochRecord]]
  private let metrics: [TaskMetric?]

  /// Whether a path is the folder of a run.
  package static func isRun(_ path: String) -> Bool {
    CheckpointFolder.exists(path + "/metrics.csv")
  }

  /// Reads the folders of runs.
  ///
  /// - Throws: ``RunFolderError`` naming the file that is missing or malformed; the error of a `config.json` that is none.
  package init(folders: [String]) throws {
    var (runs, all, metrics): ([Run], [[EpochRecord]], [TaskMetric?]) = ([], [], [])
    for folder in folders {
      let file = folder + "/metrics.csv"
      let bytes = try Self.bytes(file)
      let records = try MetricsTable.records(String(decoding: bytes, as: UTF8.self), file: file)
        .sorted { $0.epoch < $1.epoch }
      let identity = try Self.identity(folder)
      let metric = identity.trainingTask.metrics.first { metric in
        records.contains { metric.value(in: $0) != nil }
      }
      // As a run chooses.
      var best: RunProgress.Best?
      for record in records {
        guard let score = metric?.value(in: record), score.isFinite else { continue }
        let candidate = RunProgress.Best(
          epoch: record.epoch, score: score, loss: record.validationLoss ?? record.trainingLoss)
        if candidate.isBetter(than: best) { best = candidate }
      }
      let training = records.reduce(0) { $0 + $1.trainingSeconds }
      let images = records.reduce(0) { $0 + $1.imagesPerSecond * $1.trainingSeconds }
      runs.append(
        Run(
          folder: folder, network: identity.networkName, epochs: records.count, metric: metric?.title,
          bestEpoch: best?.epoch, best: best?.score,
          last: records.last.flatMap { metric?.value(in: $0) }, trainingLoss: records.last?.trainingLoss,
          validationLoss: records.last?.validationLoss,
          imagesPerSecond: training > 0 ? images / training : nil,
          seconds: training + records.reduce(0) { $0 + $1.validationSeconds }))
      all.append(records)
      metrics.append(metric)
    }
    (self.runs, self.records, self.metrics) = (runs, all, metrics)
  }

  private static func identity(_ folder: String) throws -> RunIdentity {
    let file = folder + "/config.json"
    let bytes = try bytes(file)
    do { return try JSONDecoder().decode(RunIdentity.self, from: Data(bytes)) } catch {
      throw RunFolderError.unreadable(path: file, reason: "not the configuration of a run")
    }
  }

  private static func bytes(_ file: String) throws -> [UInt8] {
    guard let bytes = try RunFolder.read(file) else {
      throw RunFolderError.unreadable(path: file, reason: "no such file; is it the folder of a run?")
    }
    return bytes
  }

  // MARK: Page

  /// The page: curves over epochs and over the time, and the figures.
  package func html() -> String {
    let metric = metrics.compactMap { $0 }.first
    var charts: [LineChart] = []
    if let metric {
      charts.append(overEpochs("Validation \(metric.title)", percent: true) { metric.value(in: $0) })
      charts.append(overTime("Validation \(metric.title)", percent: true) { metric.value(in: $0) })
    }
    charts.append(overEpochs("Validation loss") { $0.validationLoss })
    charts.append(overEpochs("Training loss") { $0.trainingLoss })
    charts.append(overEpochs("Learning rate at the epoch's end") { $0.learningRate })
    charts.append(overEpochs("Images/s") { $0.imagesPerSecond })
    let figures = charts.map { $0.figure() }.joined(separator: "\n")
    return ReportPage(
      kicker: "Runs side by side", title: names.joined(separator: ", "),
      lead: "\(runs.count) runs, with the same axes for all.", notes: [],
      sections: [
        ("curves", "Curves", "<div class=\"charts\">\n\(figures)\n</div>"), ("figures", "Figures", table()),
      ]
    ).html
  }

  /// The folders' names without the path that all have in common; the whole path where two would be equal.
  private var names: [String] {
    let last = runs.map { $0.folder.split(separator: "/").last.map(String.init) ?? $0.folder }
    return Set(last).count == last.count ? last : runs.map(\.folder)
  }

  private func series(_ values: (Int) -> [Double?]) -> [LineChart.Series] {
    runs.indices.map { run in
      LineChart.Series(
        name: names[run], color: "c\(run % 5)", dashed: run / 5 % 2 == 1, values: values(run))
    }
  }

  private func overEpochs(
    _ title: String, percent: Bool = false, _ value: @escaping (EpochRecord) -> Double?
  ) -> LineChart {
    let epochs = Set(records.flatMap { $0.map(\.epoch) }).sorted()
    return LineChart(
      title: title, positions: epochs,
      series: series { run in
        let values = Dictionary(records[run].map { ($0.epoch, value($0)) }) { $1 }
        return epochs.map { values[$0] ?? nil }
      }, percent: percent)
  }

  /// The same over the time since the start, on straight lines between the ends of epochs.
  private func overTime(_ title: String, percent: Bool, _ value: (EpochRecord) -> Double?) -> LineChart {
    let points = records.map { records in
      var seconds = 0.0
      return records.compactMap { record -> (seconds: Double, value: Double)? in
        seconds += record.trainingSeconds + record.validationSeconds
        return value(record).map { (seconds, $0) }
      }
    }
    let end = points.compactMap { $0.last?.seconds }.max() ?? 0
    // Tenths of a minute where the runs are long enough.
    let unit = end > 120 ? 6.0 : 0.1
    let positions = Array(
      stride(from: 0, through: Int((end / unit).rounded(.up)), by: max(1, Int(end / unit / 400))))
    func interpolated(_ points: [(seconds: Double, value: Double)], _ seconds: Double) -> Double? {
      guard let next = points.firstIndex(where: { $0.seconds >= seconds }) else {
        return points.last.flatMap { $0.seconds + unit > seconds ? $0.value : nil }
      }
      guard next > 0 else { return points[0].seconds - unit < seconds ? points[0].value : nil }
      let (a, b) = (points[next - 1], points[next])
      return a.value + (b.value - a.value) * (seconds - a.seconds) / max(b.seconds - a.seconds, 1e-9)
    }
    var chart = LineChart(
      title: title + " over the time", positions: positions,
      series: series { run in positions.map { interpolated(points[run], Double($0) * unit) } },
      percent: percent)
    chart.horizontal = end > 120 ? "minutes" : "seconds"
    chart.ticks = LineChart.wholeTicks(0, (positions.last ?? 0) / 10).map { (10 * $0, "\($0)") }
    chart.positionTexts = positions.map { Format.fixed(Double($0) / 10, 1) }
    return chart
  }

  private func table() -> String {
    let rows = runs.map { run in
      "<tr><th scope=\"row\">\(HTML.text(run.folder))</th><td>\(HTML.text(run.network))</td>"
        + [
          "\(run.epochs)", run.best.map { Format.percent($0, 2) }, run.bestEpoch.map { "\($0)" },
          run.last.map { Format.percent($0, 2) }, run.trainingLoss.map { Format.fixed($0, 4) },
          run.validationLoss.map { Format.fixed($0, 4) }, run.imagesPerSecond.map { Format.significant($0) },
          Format.duration(run.seconds),
        ].map(HTML.number).joined() + "</tr>"
    }
    return HTML.table(
      caption: "The best epoch is chosen by the validation's score.", kind: "numbers",
      header: HTML.header([
        "Run", "Network", "#Epochs", "#Best", "#Epoch", "#Last", "#Training loss", "#Validation loss",
        "#Images/s", "#Time",
      ]), rows: rows)
  }
}
