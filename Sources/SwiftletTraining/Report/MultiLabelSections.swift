// MultiLabelSections.swift: a report's sections on images with several classes: average precision, worst misses.

import SwiftletData

/// The parts of the page that come from a multi-label evaluation.
struct MultiLabelSections {
  private let evaluation: MultiLabelEvaluation
  private let thumbnails: [Int: RGBImage]
  private let names: [String]

  init(evaluation: MultiLabelEvaluation, thumbnails: [Int: RGBImage]) {
    self.evaluation = evaluation
    self.thumbnails = thumbnails
    names = EvaluationSections.readable(evaluation.classes)
  }

  private func name(_ label: Int) -> String {
    names.indices.contains(label) ? names[label] : "class \(label)"
  }

  // MARK: Classes

  func classes(collapsedAfter limit: Int = 30) -> String {
    guard !evaluation.perClass.isEmpty else { return "" }
    let order = evaluation.perClass.indices.sorted {
      let (a, b) = (evaluation.perClass[$0].averagePrecision, evaluation.perClass[$1].averagePrecision)
      return (a ?? 2, $0) < (b ?? 2, $1)
    }
    let rows = order.map { label in
      let result = evaluation.perClass[label]
      return "<tr><th scope=\"row\">\(HTML.text(name(label)))</th>"
        + HTML.number(Format.grouped(result.count))
        + EvaluationSections.bar(result.averagePrecision) + EvaluationSections.bar(result.precision)
        + EvaluationSections.bar(result.recall) + EvaluationSections.bar(result.count == 0 ? nil : result.f1)
        + "</tr>"
    }
    func mean(_ value: (MultiLabelEvaluation.ClassResult) -> Double?) -> Double? {
      let values = evaluation.perClass.filter { $0.count > 0 }.compactMap(value)
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let footer =
      "<tfoot><tr><th scope=\"row\">Mean over classes</th>"
      + HTML.number(Format.grouped(evaluation.perClass.reduce(0) { $0 + $1.count }))
      + EvaluationSections.bar(mean(\.averagePrecision)) + EvaluationSections.bar(mean(\.precision))
      + EvaluationSections.bar(mean(\.recall)) + EvaluationSections.bar(mean(\.f1)) + "</tr></tfoot>"
    let header = HTML.header(["Class", "#Images", "#AP", "#Precision", "#Recall", "#F1"])
    let caption =
      "AP: average precision, the area under precision over recall at all thresholds. Precision, recall and F1 "
      + "are at a threshold of \(Format.significant(evaluation.threshold))."
    return HTML.classTable(
      caption: caption, header: header, rows: rows, footer: footer, collapsedAfter: limit)
  }

  // MARK: Misses

  func misses() -> String {
    guard evaluation.count > 0 else { return "" }
    guard !evaluation.misses.isEmpty else { return "<p>There are none.</p>" }
    let figures = evaluation.misses.prefix(EvaluationSections.mostPictures).map { miss in
      let label = name(miss.label)
      let file = miss.name.split(separator: "/").last.map(String.init) ?? miss.name
      let words = miss.isPresent ? "not found" : "not there"
      let picture = EvaluationSections.picture(
        thumbnails[miss.index], alt: "\(miss.name): \(label) \(words)")
      return """
        <figure class="photo">\(picture)<figcaption><span class="is" title="\(HTML.text(label))">\(HTML.short(label, 48))</span>
        <span class="taken">\(words), \(Format.percent(miss.probability))</span>
        <span class="file" title="\(HTML.text(miss.name))">\(HTML.text(file))</span></figcaption></figure>
        """
    }
    return """
      <p class="explain">Wrong decisions, the most confident first: a class that is on the image and was not found, or was found
      and is not there, with the probability that the network gave it.</p>
      <div class="photos">
      \(figures.joined(separator: "\n"))
      </div>
      """
  }
}
