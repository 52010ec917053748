// EpochSections.swift: a report's sections on the epochs: headline figures, curves, the table of all.

/// The parts of the page that come from the epochs' records.
struct EpochSections {
  private let records: [EpochRecord]
  private let curve: [StepPoint]
  private let evaluation: (any TaskEvaluation)?
  /// The task's metrics that apply to this number of classes.
  private let metrics: [TaskMetric]

  init(
    records: [EpochRecord], curve: [StepPoint] = [], evaluation: (any TaskEvaluation)?, metrics: [TaskMetric]
  ) {
    self.records = records.sorted { $0.epoch < $1.epoch }
    self.curve = curve.sorted { $0.step < $1.step }
    self.evaluation = evaluation
    self.metrics = metrics.filter { $0.leastClasses <= evaluation?.classes.count ?? .max }
  }

  /// Whether the training accuracy is of the same kind as the first metric.
  private var showsAccuracy: Bool { metrics.first?.key == "accuracy" }

  private var last: EpochRecord? { records.last }

  /// The epoch with the best value, among those that are finite.
  private func best(_ value: (EpochRecord) -> Double?, highest: Bool = true) -> (index: Int, value: Double)? {
    var best: (index: Int, value: Double)?
    for (index, record) in records.enumerated() {
      guard let value = value(record), value.isFinite else { continue }
      if best.map({ highest ? value > $0.value : value < $0.value }) ?? true { best = (index, value) }
    }
    return best
  }

  private func total(_ value: (EpochRecord) -> Double) -> Double {
    records.map(value).filter(\.isFinite).reduce(0, +)
  }

  /// The mean over the training time.
  private func mean(_ value: (EpochRecord) -> Double) -> Double? {
    let usable = records.filter {
      value($0).isFinite && $0.trainingSeconds.isFinite && $0.trainingSeconds > 0
    }
    let seconds = usable.map(\.trainingSeconds).reduce(0, +)
    guard seconds > 0, seconds.isFinite else { return nil }
    return usable.map { value($0) * $0.trainingSeconds }.reduce(0, +) / seconds
  }

  // MARK: Introduction

  /// One or two sentences: the network, the data set and the accuracy.
  func lead(network: String, dataset: String) -> String {
    let what = "<strong>\(HTML.text(network))</strong> on <strong>\(HTML.text(dataset))</strong>"
    var text = "\(what)."
    if let last {
      let epochs = records.count == 1 ? "one epoch" : "\(Format.grouped(records.count)) epochs"
      text = "\(what), trained for \(epochs) (\(Format.grouped(last.step)) steps)."
    } else if evaluation == nil {
      text += " No epoch was completed."
    }
    if let evaluation, evaluation.count > 0 {
      text +=
        " On \(Format.grouped(evaluation.count)) image\(evaluation.count == 1 ? "" : "s") "
        + "\(evaluation.lead)."
    }
    return text
  }

  /// Sentences about values that are not finite.
  func warnings() -> [String] {
    let values: [(String, (EpochRecord) -> Double?)] = [
      ("training loss", { $0.trainingLoss }), ("training accuracy", { $0.trainingAccuracy }),
      ("validation loss", { $0.validationLoss }), ("validation accuracy", { $0.validationAccuracy }),
    ]
    let own = metrics.filter { $0.key != "accuracy" }.map { metric in
      ("validation \(metric.title)", { (record: EpochRecord) in metric.value(in: record) })
    }
    let speeds: [(String, (EpochRecord) -> Double?)] = [
      ("learning rate", { $0.learningRate }), ("speed", { $0.imagesPerSecond }),
    ]
    return (values + own + speeds).compactMap { name, value in
      let epochs = records.filter { value($0).map { !$0.isFinite } ?? false }.map(\.epoch)
      guard !epochs.isEmpty else { return nil }
      return
        "The \(name) is not a finite number in epoch\(epochs.count == 1 ? "" : "s") \(Format.spans(epochs))."
    }
  }

  /// The headline figures.
  func figures() -> String {
    var figures: [(name: String, value: String, detail: String)] = []
    func add(
      _ name: String, _ value: (EpochRecord) -> Double?, highest: Bool = true, _ text: (Double) -> String
    ) {
      guard let final = last.flatMap(value) else { return }
      let detail = best(value, highest: highest).map { best in
        let word = highest ? "best" : "lowest"
        return best.index == records.count - 1
          ? "final, and the \(word)"
          : "final; \(word) \(text(best.value)), epoch \(records[best.index].epoch)"
      }
      figures.append((name, text(final), detail ?? "final"))
    }
    if records.contains(where: { $0.validationAccuracy != nil || $0.validationLoss != nil }) {
      for metric in metrics {
        add("Validation \(metric.title)", { metric.value(in: $0) }) { Format.percent($0, 2) }
      }
      add("Validation loss", { $0.validationLoss }, highest: false) { Format.fixed($0, 3) }
    } else {
      add("Training accuracy", { $0.trainingAccuracy }) { Format.percent($0, 2) }
      add("Training loss", { $0.trainingLoss }, highest: false) { Format.fixed($0, 3) }
    }
    if let evaluation, records.isEmpty, evaluation.count > 0 { figures += evaluation.figures }
    if let last {
      if let speed = mean(\.imagesPerSecond) {
        let text = speed < 100 ? Format.significant(speed, 3) : Format.grouped(whole(speed))
        figures.append(("Speed", text, "images/s in training"))
      }
      figures.append(("Epochs", Format.grouped(records.count), "\(Format.grouped(last.step)) steps"))
      let (training, validation) = (total(\.trainingSeconds), total(\.validationSeconds))
      let detail = validation > 0 ? "\(Format.duration(validation)) of it validation" : "training"
      figures.append(("Time", Format.duration(training + validation), detail))
      if let waiting = mean(\.waitingShare) {
        figures.append(("Waiting", Format.percent(waiting), "of training, for images to be ready"))
      }
    }
    guard !figures.isEmpty else { return "" }
    let items = figures.map { name, value, detail in
      "<div><dt>\(name)</dt><dd class=\"value\">\(value)</dd><dd>\(detail)</dd></div>"
    }
    // Rows of three where rows of four would leave two alone.
    let kind = [5, 6, 9].contains(items.count) ? "figures threes" : "figures"
    return "<dl class=\"\(kind)\">\n\(items.joined(separator: "\n"))\n</dl>"
  }

  private func whole(_ value: Double) -> Int { value.magnitude < 1e15 ? Int(value.rounded()) : 0 }

  // MARK: Curves

  func curves() -> String {
    guard !records.isEmpty else { return "" }
    let positions = records.map { max(0, min($0.epoch, 1 << 40)) }
    func line(_ name: String, _ color: String, dashed: Bool = false, _ value: (EpochRecord) -> Double?)
      -> LineChart.Series
    {
      LineChart.Series(name: name, color: color, dashed: dashed, values: records.map(value))
    }
    var charts = [
      LineChart(
        title: "Loss", positions: positions,
        series: [
          line("training", "c1", dashed: true) { $0.trainingLoss },
          line("validation", "c0") { $0.validationLoss },
        ])
    ]
    // The best epoch is chosen by the first metric.
    var series = showsAccuracy ? [line("training", "c1", dashed: true) { $0.trainingAccuracy }] : []
    for (metric, color) in zip(metrics, ["c0", "c2", "c4", "c3", "c1"]) {
      let name = showsAccuracy && metric.key == "accuracy" ? "validation" : metric.title
      series.append(line(name, color) { metric.value(in: $0) })
    }
    charts.append(
      LineChart(
        title: showsAccuracy ? "Accuracy" : metrics.map(\.title).joined(separator: ", "),
        positions: positions, series: series, percent: true,
        mark: records.count > 1
          ? metrics.first.flatMap { metric in best { metric.value(in: $0) } }.map { best in
            (showsAccuracy ? 1 : 0, best.index, "best, epoch \(records[best.index].epoch)")
          } : nil))
    if curve.count > 1 {
      let steps = curve.map { max(0, min($0.step, 1 << 40)) }
      charts.append(
        LineChart(
          title: "Training loss, smoothed", horizontal: "step", positions: steps,
          series: [.init(name: "training", color: "c1", values: curve.map(\.loss))]))
      charts.append(
        LineChart(
          title: "Learning rate", horizontal: "step", positions: steps,
          series: [.init(name: "learning rate", color: "c3", values: curve.map(\.learningRate))],
          startsAtZero: true))
    } else {
      charts.append(
        LineChart(
          title: "Learning rate", positions: positions,
          series: [line("learning rate", "c3") { $0.learningRate }],
          startsAtZero: true))
    }
    charts.append(
      LineChart(
        title: "Images/s", positions: positions,
        series: [line("speed", "c2") { $0.imagesPerSecond }],
        startsAtZero: true))
    let note =
      records.contains { $0.validationLoss != nil }
      ? "<p class=\"explain\">The training loss is that of augmented images, with dropout and smoothed labels where the recipe has "
        + "them, while the weights change; the validation loss has none of these. So the training loss may lie above it.</p>\n"
      : ""
    let figures = charts.map { $0.figure() }.joined(separator: "\n")
    return "\(note)<div class=\"charts\">\n\(figures)\n</div>\n\(table())"
  }

  /// The table of all epochs, for readers who cannot see curves or want the numbers.
  private func table() -> String {
    // The table has top-5 even where it is always 100 %: the columns are those of the file.
    let columns = showsAccuracy ? ClassificationTask().metrics : metrics
    let rows = records.suffix(2000).map { record in
      "<tr><th scope=\"row\" class=\"n\">\(record.epoch)</th>"
        + [
          Format.fixed(record.trainingLoss, 4), Format.percent(record.trainingAccuracy, 2),
          record.validationLoss.map { Format.fixed($0, 4) },
        ].map(HTML.number).joined()
        + columns.map { HTML.number($0.value(in: record).map { Format.percent($0, 2) }) }.joined()
        + [
          Format.significant(record.learningRate), Format.significant(record.imagesPerSecond),
          Format.duration(record.trainingSeconds), Format.percent(record.waitingShare),
        ].map(HTML.number).joined() + "</tr>"
    }
    let header = HTML.header(
      [
        "#Epoch", "#Training loss", showsAccuracy ? "#Training top-1" : "#Training accuracy",
        "#Validation loss",
      ]
        + columns.map { "#Validation \(HTML.text($0.title))" }
        + ["#Learning rate", "#Images/s", "#Time", "#Waiting"])
    let table = HTML.table(
      caption: "What <code>metrics.csv</code> has too.", kind: "numbers", header: header, rows: rows)
    return "<details><summary>Every epoch in numbers</summary>\n\(table)\n</details>"
  }
}
