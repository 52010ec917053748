// TrainingReport.swift: the report of a run, and the page that shows it.

import SwiftletData

/// The report of a run: one page of HTML that needs no network and no library, and can be read without JavaScript.
///
/// Everything that comes from data (names of classes and of images, reasons, configuration) is escaped. Values that
/// are not finite are shown as gaps with a note; a run without an epoch, without validation or without an
/// evaluation has a page too.
package struct TrainingReport: Sendable {
  /// The line above the title, and the title.
  package var kicker = "Training report", title: String
  /// The names of the network and of the data set.
  package var network: String, dataset: String
  /// The run's configuration: names and values, in the order of the page.
  package var configuration: [(String, String)]
  /// The epochs so far.
  package var records: [EpochRecord]
  /// Points of the curves over steps.
  package var curve: [StepPoint]
  /// The evaluation of the trained network on the data set.
  package var evaluation: (any TaskEvaluation)?
  /// The task's metrics after each epoch.
  package var metrics: [TaskMetric]
  /// The excitations of a network's squeeze-and-excite gates, in the order of its depth.
  package var gates: [GateRecord]
  /// The layers of the best weights, once the run is over.
  package var layers = LayerProbe()
  /// Images for the evaluation's mistakes, by their index in the data set. Large ones are shown smaller.
  package var thumbnails: [Int: RGBImage]
  /// The epoch of the best weights, where it is known.
  package var bestEpoch: Int?
  /// Images that could not be read in training; the evaluation has its own.
  package var skipped: [SkippedFile]
  /// The images at a glance, and the evaluation of the best weights on the test part.
  package var overview: DataOverview?, test: (any TaskEvaluation)?
  /// Sentences at the beginning of the page, such as a note that the run was stopped.
  package var notes: [String]

  /// Creates a report.
  package init(
    title: String, network: String, dataset: String, configuration: [(String, String)] = [],
    records: [EpochRecord] = [], curve: [StepPoint] = [], evaluation: (any TaskEvaluation)? = nil,
    metrics: [TaskMetric] = ClassificationTask().metrics, gates: [GateRecord] = [],
    thumbnails: [Int: RGBImage] = [:], skipped: [SkippedFile] = [], notes: [String] = []
  ) {
    self.title = title
    self.network = network
    self.dataset = dataset
    self.configuration = configuration
    self.records = records
    self.curve = curve
    self.evaluation = evaluation
    self.metrics = metrics
    self.gates = gates
    self.thumbnails = thumbnails
    self.skipped = skipped
    self.notes = notes
  }

  /// The page, as valid HTML5 that is well-formed XML too. The same report gives the same text.
  package func html() -> String {
    var sections: [(id: String, name: String, body: String)] = []
    let epochs = EpochSections(records: records, curve: curve, evaluation: evaluation, metrics: metrics)
    let data = DataSection(overview: overview, test: test, bestEpoch: bestEpoch)
    sections.append(("curves", "Curves", epochs.curves()))
    sections.append(("test", "Test", data.testFigures()))
    for section in evaluation?.sections(thumbnails: thumbnails) ?? [] {
      sections.append((section.id, section.title, section.body))
    }
    sections.append(
      (
        "gates", "Squeeze and excitation",
        GateSection(gates: gates, classes: evaluation?.classes ?? []).body()
      ))
    sections.append(("layers", "Layers", LayerSection(layers).body()))
    sections.append(("data", "Data", data.body()))
    sections.append(("skipped", "Skipped files", skippedFiles()))
    sections.append(("configuration", "Configuration", configurationTable()))
    return ReportPage(
      kicker: kicker, title: title, lead: epochs.lead(network: network, dataset: dataset),
      notes: notes + epochs.warnings(), figures: epochs.figures(), sections: sections
    ).html
  }

  private func skippedFiles() -> String {
    var files = skipped
    files += (evaluation?.skipped ?? []).filter { !skipped.contains($0) }
    guard !files.isEmpty else { return "" }
    let rows = files.prefix(200).map { file in
      // Errors begin with the file that they are of.
      let prefix = file.name + ": "
      let reason = file.reason.hasPrefix(prefix) ? String(file.reason.dropFirst(prefix.count)) : file.reason
      return
        "<tr><th scope=\"row\" class=\"file\">\(HTML.text(file.name))</th><td>\(HTML.text(reason))</td></tr>"
    }
    let rest = files.count > 200 ? " The first 200 are listed." : ""
    return HTML.table(
      caption:
        "\(Format.grouped(files.count)) that could not be read and \(files.count == 1 ? "was" : "were") left out.\(rest)",
      kind: "plain", header: HTML.header(["File", "Reason"]), rows: rows)
  }

  private func configurationTable() -> String {
    guard !configuration.isEmpty else { return "" }
    let rows = configuration.map { name, value in
      "<tr><th scope=\"row\">\(HTML.text(name))</th><td>\(HTML.text(value))</td></tr>"
    }
    return HTML.table(
      caption: "What the run was asked to do.", kind: "plain", header: HTML.header(["Setting", "Value"]),
      rows: rows)
  }
}
