// GateSection.swift: excitations by class and depth, as the SENet paper's figure 6 shows them.

/// The part of the page about squeeze-and-excite gates (arXiv 1709.01507, section 7.2).
struct GateSection {
  private let gates: [GateRecord]
  private let classes: [String]
  /// As many classes as the paper draws, which is also the number of distinct colors.
  private static let shownClasses = 5
  /// Further classes that are drawn faintly.
  private static let faintClasses = 95

  init(gates: [GateRecord], classes: [String]) {
    self.gates = gates.filter { $0.means.contains { !$0.isEmpty } }
    self.classes = EvaluationSections.readable(classes)
  }

  func body() -> String {
    guard !gates.isEmpty else { return "" }
    let rows = min(Self.shownClasses, gates.map(\.means.count).max() ?? 0)
    let names = (0..<rows).map { classes.indices.contains($0) ? classes[$0] : "class \($0)" }
    var keys = names.enumerated().map { index, name in
      "<span title=\"\(HTML.text(name))\">\(SVG.key("c\(index)"))\(HTML.short(name, 24))</span>"
    }
    let others = min(Self.faintClasses, (gates.map(\.means.count).max() ?? 0) - rows)
    if others > 0 {
      keys.append(
        "<span>\(SVG.key("faint"))\(others == 1 ? "1 other class" : "\(others) other classes")</span>")
    }
    keys.append("<span>\(SVG.key("mean"))mean of all classes</span>")
    let isAveraged = gates.contains { channels($0) > Self.points }
    let charts = gates.enumerated().map { index, gate in chart(gate, number: index + 1) }
    return """
      <p class="explain">The mean excitation of each channel, by class and from the first gate to the last. Where a class's line leaves
      the mean, the gate treats that class differently; in the <a href="https://arxiv.org/abs/1709.01507">SENet paper</a> (section 7.2)
      early gates are shared by all classes and late ones are not. The spread is the standard deviation between
      \(isAveraged ? "classes, averaged over channels. In wide layers neighboring channels are drawn as their mean." : "classes, averaged over channels.")</p>
      <div class="legend">\(keys.joined())</div>
      <div class="gates">
      \(spread())
      \(charts.joined(separator: "\n"))
      </div>
      """
  }

  /// The growth of the spread with depth, where there are several classes.
  private func spread() -> String {
    guard gates.count > 2, gates.contains(where: { $0.means.count > 1 }) else { return "" }
    return LineChart(
      title: "Spread between classes, by depth", horizontal: "gate", positions: Array(1...gates.count),
      series: [LineChart.Series(name: "spread", color: "c0", values: gates.map(Self.spread))],
      startsAtZero: true,
      height: 166
    ).figure()
  }

  private func channels(_ gate: GateRecord) -> Int { gate.means.map(\.count).max() ?? 0 }

  /// The mean over the classes that have a finite value, for each channel.
  private static func mean(_ gate: GateRecord, channels: Int) -> [Double] {
    (0..<channels).map { channel in
      let values = gate.means.compactMap { channel < $0.count ? Double($0[channel]) : nil }.filter(\.isFinite)
      return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
  }

  private static func spread(_ gate: GateRecord) -> Double? {
    let channels = gate.means.map(\.count).max() ?? 0
    let deviations = zip(mean(gate, channels: channels), 0..<channels).compactMap {
      mean, channel -> Double? in
      let values = gate.means.compactMap { channel < $0.count ? Double($0[channel]) : nil }.filter(\.isFinite)
      guard !values.isEmpty else { return nil }
      return (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count)).squareRoot()
    }
    return deviations.isEmpty ? nil : deviations.reduce(0, +) / Double(deviations.count)
  }

  /// More points than this are closer than the pixels.
  private static let points = 220

  private func chart(_ gate: GateRecord, number: Int) -> String {
    let count = channels(gate)
    let (left, top, width, height) = (30.0, 8.0, 436.0, 120.0)
    let mean = Self.mean(gate, channels: count)
    // The others and the mean first: classes with colors are drawn over them.
    var curves: [(kind: String, values: [Double])] = gate.means.dropFirst(Self.shownClasses).prefix(
      Self.faintClasses
    ).map {
      values in (kind: "faint", values: (0..<count).map { $0 < values.count ? Double(values[$0]) : .nan })
    }
    curves.append((kind: "mean", values: mean))
    curves += gate.means.prefix(Self.shownClasses).enumerated().map { index, values in
      (kind: "c\(index)", values: (0..<count).map { $0 < values.count ? Double(values[$0]) : .nan })
    }
    let all = curves.flatMap(\.values).filter(LineChart.isDrawable)
    // A gate is a sigmoid or its like: all charts share the range from 0 to 1, so that depths can be compared.
    let isUnit = all.allSatisfy { $0 >= 0 && $0 <= 1 }
    let axis = ChartAxis(isUnit ? [0, 1] : all, zero: isUnit)
    let ticks = isUnit ? [0, 0.5, 1] : [axis.low, axis.high]
    func x(_ channel: Double) -> Double {
      left + (count > 1 ? width * channel / Double(count - 1) : width / 2)
    }
    func y(_ value: Double) -> Double { top + height * (1 - axis.position(value)) }

    var parts: [String] = []
    for tick in ticks {
      parts.append(SVG.line(tick == ticks[0] ? "axis" : "grid", left, y(tick), left + width, y(tick)))
      parts.append(SVG.text("tick", left - 6, y(tick) + 4, "end", Format.significant(tick, 3)))
    }
    for (place, anchor) in count > 1 ? [(0, "start"), (count - 1, "end")] : [(0, "middle")] {
      parts.append(SVG.text("tick", x(Double(place)), top + height + 16, anchor, "\(place)"))
    }
    parts.append(SVG.text("name", left + width / 2, top + height + 16, "middle", "channel"))
    let every = max(1, (count + Self.points - 1) / Self.points)
    for curve in curves {
      let starts = Array(stride(from: 0, to: count, by: every))
      let values = starts.map { start -> Double? in
        let part = curve.values[start..<min(count, start + every)].filter(LineChart.isDrawable)
        return part.isEmpty ? nil : part.reduce(0, +) / Double(part.count)
      }
      parts += LineChart.curve(
        LineChart.Series(name: "", color: "thin \(curve.kind)", values: values), dots: false,
        x: { x(min(Double(count - 1), Double(starts[$0]) + Double(every - 1) / 2)) }, y: y)
    }
    let spread = gate.means.count > 1 ? Self.spread(gate).map { ", spread \(Format.fixed($0, 3))" } ?? "" : ""
    let gap = all.count < curves.count * count ? "; values that are not numbers are gaps" : ""
    return """
      <figure class="gate">
      <figcaption><h3><span>\(number)</span> \(HTML.text(gate.gate))</h3><p>\(Format.grouped(count)) channels\(spread)\(gap)</p></figcaption>
      <svg viewBox="0 0 480 148" role="img" aria-label="Excitations of gate \(number), \(HTML.text(gate.gate)), by channel\(spread)">
      \(parts.joined(separator: "\n"))
      </svg>
      </figure>
      """
  }
}
