// LayerSection.swift: a report's section on the layers: kernels of the first, zeros and dead channels of all.

/// The part of the page about layers.
struct LayerSection {
  private let probe: LayerProbe

  init(_ probe: LayerProbe) { self.probe = probe }

  func body() -> String {
    var parts: [String] = []
    let records = probe.activations.filter { $0.zeros.isFinite && $0.channels > 0 }
    if !records.isEmpty {
      let dead = records.reduce(0) { $0 + $1.deadChannels }
      parts.append(
        "<p class=\"explain\">Over the first images of the validation part: the share of values that each "
          + "activation sets to zero, and of channels that are zero in every pixel of every image. Such a dead channel costs time and adds "
          + "nothing; \(dead == 0 ? "there is none" : "there \(dead == 1 ? "is 1" : "are \(Format.grouped(dead))")").</p>"
      )
      let positions = Array(1...records.count)
      func series(_ name: String, _ color: String, _ value: (ActivationRecord) -> Double)
        -> LineChart.Series
      { LineChart.Series(name: name, color: color, values: records.map(value)) }
      let charts = [
        LineChart(
          title: "Zeros, by depth", horizontal: "activation", positionTexts: records.map(\.path),
          positions: positions,
          series: [
            series("zeros", "c0") { $0.zeros },
            series("dead", "c1") { Double($0.deadChannels) / Double($0.channels) },
          ], startsAtZero: true, percent: true),
        LineChart(
          title: "Values, by depth", horizontal: "activation", positionTexts: records.map(\.path),
          positions: positions,
          series: [series("mean", "c2") { $0.mean }, series("deviation", "c3") { $0.deviation }],
          startsAtZero: true),
      ]
      parts.append("<div class=\"charts\">\n\(charts.map { $0.figure() }.joined(separator: "\n"))\n</div>")
      parts.append(table(records))
    }
    if let kernels = probe.kernels, let data = EvaluationSections.dataURI(kernels) {
      parts.append(
        "<figure class=\"heat\"><figcaption><h3>Kernels of the first layer</h3><p>A tile for each output channel, in the colors that it "
          + "looks for; gray is 0.</p></figcaption><img src=\"\(data)\" alt=\"Kernels of the first layer\"/></figure>"
      )
    }
    return parts.joined(separator: "\n")
  }

  private func table(_ records: [ActivationRecord]) -> String {
    let rows = records.map { record in
      "<tr><th scope=\"row\">\(HTML.text(record.path))</th>"
        + [
          Format.grouped(record.channels), Format.grouped(record.deadChannels), Format.percent(record.zeros),
          Format.significant(record.mean, 3), Format.significant(record.deviation, 3),
        ].map(HTML.number).joined() + "</tr>"
    }
    let table = HTML.table(
      caption: "Dead channels are zero in every pixel of every image.", kind: "numbers",
      header: HTML.header(["Activation", "#Channels", "#Dead", "#Zeros", "#Mean", "#Deviation"]), rows: rows)
    return "<details><summary>Every activation in numbers</summary>\n\(table)\n</details>"
  }
}
