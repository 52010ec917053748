// DataSection.swift: a report's section on the data: parts, classes, remarks, and the figures of the test part.

import SwiftletData

/// The part of the page that describes the images.
struct DataSection {
  private let overview: DataOverview?
  private let test: (any TaskEvaluation)?
  private let bestEpoch: Int?

  init(overview: DataOverview?, test: (any TaskEvaluation)?, bestEpoch: Int?) {
    self.overview = overview
    self.test = test
    self.bestEpoch = bestEpoch
  }

  /// The figures of the test part; empty where there is none.
  func testFigures() -> String {
    guard let test else { return "" }
    let rows = (test.figures.isEmpty ? [("Accuracy", Format.percent(test.accuracy, 2), "")] : test.figures)
      .map {
        "<tr><th scope=\"row\">\($0.0)</th><td class=\"n\">\($0.1)</td><td>\($0.2)</td></tr>"
      }
    let epoch = bestEpoch.map { " of epoch \($0)" } ?? ""
    return HTML.table(
      caption: "The best weights\(epoch) on the test part, which chose nothing: "
        + "\(Format.grouped(test.count)) images.", kind: "plain",
      header: HTML.header(["Figure", "#Value", "Of"]), rows: rows)
  }

  /// Counts, and what was left out; empty where nothing is known.
  func body() -> String {
    guard let overview else { return "" }
    func list(_ sentences: [String]) -> String {
      sentences.isEmpty
        ? "" : "<ul>\n\(sentences.map { "<li>\(HTML.text($0))</li>" }.joined(separator: "\n"))\n</ul>"
    }
    let shown = overview.classes.count <= 30 ? overview.classes : overview.smallest
    let rows = shown.map { count in
      "<tr><th scope=\"row\">\(HTML.text(count.name))</th>"
        + [count.training, count.validation, count.test].map { HTML.number(Format.grouped($0)) }
        .joined()
        + "</tr>"
    }
    let footer =
      "<tfoot><tr><th scope=\"row\">Images</th>"
      + [overview.training, overview.validation, overview.test].map {
        HTML.number(Format.grouped($0))
      }
      .joined() + "</tr></tfoot>"
    let caption =
      shown.count < overview.classes.count
      ? "The \(shown.count) smallest of \(Format.grouped(overview.classes.count)) classes."
      : "Images of each class."
    let table = HTML.table(
      caption: caption, kind: "plain", header: HTML.header(["Class", "#Training", "#Validation", "#Test"]),
      rows: rows,
      footer: footer)
    let remarks = overview.remarks.isEmpty ? "" : "<p>To be looked at:</p>\n" + list(overview.remarks)
    return table + remarks + list(overview.notes)
  }
}
