// LineChart.swift: curves over epochs as SVG: axes, ticks, direct labels, and data for the pointer's readout.

/// The range of an axis and its ticks, at round numbers.
struct ChartAxis {
  let low: Double, high: Double
  let ticks: [Double]
  private let step: Double

  /// An axis around values, all finite and of drawable size.
  ///
  /// - Parameters:
  ///   - values: values that must lie on the axis.
  ///   - zero: whether it begins at zero.
  ///   - limit: the largest value of a tick: 1 for shares.
  init(_ values: [Double], zero: Bool, limit: Double? = nil) {
    var low = zero ? 0 : values.min() ?? 0
    var high = values.max() ?? 1
    if zero { low = min(low, values.min() ?? 0) }
    if !(high - low > max(1e-30, max(low.magnitude, high.magnitude) * 1e-9)) {
      // One value: some room around it. Distances near the smallest number there is have no round steps.
      let room = low.magnitude < 1e-30 ? 0.5 : low.magnitude / 4
      (low, high) = (zero && low >= 0 ? 0 : low - room, high + room)
    }
    let step = Self.round((high - low) / 4.5)
    let first = (low / step).rounded(.down)
    var last = (high / step).rounded(.up)
    if let limit, values.allSatisfy({ $0 <= limit }) { last = min(last, (limit / step).rounded(.up)) }
    self.step = step
    self.low = first * step
    self.high = last * step
    ticks = (0...max(0, min(20, Int(last - first)))).map { (first + Double($0)) * step }
  }

  /// The position of a value on the axis, from 0 to 1.
  func position(_ value: Double) -> Double { (value - low) / (high - low) }

  /// A tick's text. Digits follow from the distance of the ticks.
  func label(_ value: Double, percent: Bool = false) -> String {
    let scale = percent ? 100.0 : 1
    if max(low.magnitude, high.magnitude) * scale >= 1e6 || step * scale < 1e-5 {
      return value.magnitude < step / 2 ? "0" : Format.significant(value * scale, 3) + (percent ? "%" : "")
    }
    let digits = max(0, -Format.decade(step * scale * 1.0001))
    let text =
      digits == 0 ? Format.grouped(Int((value * scale).rounded())) : Format.fixed(value * scale, digits)
    return text + (percent ? "%" : "")
  }

  /// 1, 2 or 5 times a power of ten, at least `value`.
  static func round(_ value: Double) -> Double {
    var power = 1.0
    let exponent = Format.decade(value)
    for _ in 0..<abs(exponent) { power = exponent > 0 ? power * 10 : power / 10 }
    let digit = value / power
    return (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10) * power
  }
}

/// Curves over whole numbers: epochs, or a network's depth.
struct LineChart {
  /// A curve. A value that is missing or cannot be drawn is a gap.
  struct Series {
    var name: String
    /// `c0` to `c4`: a color of the page.
    var color: String
    var dashed = false
    var values: [Double?]
  }

  var title: String
  var unit = ""
  /// The title of the horizontal axis.
  var horizontal = "epoch"
  /// The ticks of the horizontal axis; whole numbers where it is `nil`.
  var ticks: [(position: Int, text: String)]?
  /// The texts of the positions in the readout; the positions themselves where it is `nil`.
  var positionTexts: [String]?
  var positions: [Int]
  var series: [Series]
  var startsAtZero = false
  var percent = false
  /// A point to ring: of a series, at an index, with a word for the legend.
  var mark: (series: Int, index: Int, text: String)?

  /// Of the drawing, which is 520 wide.
  var height = 250.0

  private let width = 520.0, top = 14.0, bottom = 36.0, left = 54.0

  /// Values beyond this would leave no room for others, and for arithmetic.
  static func isDrawable(_ value: Double) -> Bool { value.magnitude <= 1e30 }

  /// The figure; empty where nothing can be drawn.
  func figure() -> String {
    let shown = series.filter { $0.values.contains { $0.map(Self.isDrawable) == true } }
    guard let first = positions.first, let last = positions.last, !shown.isEmpty else { return "" }
    let drawable = shown.flatMap { $0.values.compactMap { $0 }.filter(Self.isDrawable) }
    let axis = ChartAxis(drawable, zero: startsAtZero, limit: percent ? 1 : nil)
    let right = shown.count > 1 ? 88.0 : 18.0
    let plot = (width: width - left - right, height: height - top - bottom)
    func x(_ index: Int) -> Double {
      last == first
        ? left + plot.width / 2 : left + plot.width * Double(positions[index] - first) / Double(last - first)
    }
    func y(_ value: Double) -> Double { top + plot.height * (1 - axis.position(value)) }

    var parts: [String] = []
    let (end, floor) = (left + plot.width, top + plot.height)
    for tick in axis.ticks {
      parts.append(SVG.line("grid", left, y(tick), end, y(tick)))
      parts.append(SVG.text("tick", left - 8, y(tick) + 4, "end", axis.label(tick, percent: percent)))
    }
    for (tick, text) in ticks ?? Self.wholeTicks(first, last).map({ ($0, "\($0)") }) {
      let place =
        last == first
        ? left + plot.width / 2 : left + plot.width * Double(tick - first) / Double(last - first)
      parts.append(SVG.line("axis", place, floor, place, floor + 4))
      parts.append(SVG.text("tick", place, floor + 18, "middle", text))
    }
    parts.append(SVG.line("axis", left, floor, end, floor))
    parts.append(SVG.text("name", left + plot.width / 2, height - 2, "middle", horizontal))
    for curve in shown {
      parts += Self.curve(curve, dots: positions.count <= 40, x: x, y: y)
      for (index, value) in curve.values.enumerated() {
        if let value, !Self.isDrawable(value) { parts.append(SVG.cross(x(index), floor - 7)) }
      }
    }
    if let mark, let value = series[mark.series].values[mark.index], Self.isDrawable(value) {
      parts.append(SVG.circle("ring", x(mark.index), y(value), 5.5))
    }
    if shown.count > 1 {
      parts += endLabels(shown, at: left + plot.width + 9, y: y, range: (top, top + plot.height))
    }
    parts += pointer(shown, first: first, last: last, plot: plot, x: x, y: y)

    let gaps = shown.compactMap { curve -> String? in
      let epochs = curve.values.enumerated().compactMap { index, value in
        value.map(Self.isDrawable) == false ? positions[index] : nil
      }
      guard !epochs.isEmpty else { return nil }
      return
        "\(HTML.text(curve.name)) cannot be drawn in \(horizontal) \(Format.spans(epochs))"
    }
    return """
      <figure class="chart">
      <figcaption><h3>\(title)</h3>\(legend(shown))</figcaption>
      <p class="readout">\(readout(shown, positions.count - 1))</p>
      <svg viewBox="0 0 \(SVG.number(width)) \(SVG.number(height))" role="img" aria-label="\(description(shown))">
      \(parts.joined(separator: "\n"))
      </svg>\(gaps.isEmpty ? "" : "\n<p class=\"gap\">× no finite number: \(gaps.joined(separator: "; ")).</p>")
      </figure>
      """
  }

  private func text(_ value: Double) -> String {
    percent ? Format.percent(value, 2) : Format.significant(value) + unit
  }

  private func readout(_ shown: [Series], _ index: Int) -> String {
    let values = shown.compactMap { curve in
      curve.values[index].map { shown.count > 1 ? "\(HTML.text(curve.name)) \(text($0))" : text($0) }
    }
    return "\(horizontal) \(positionTexts?[index] ?? "\(positions[index])"): "
      + (values.isEmpty ? "nothing" : values.joined(separator: " · "))
  }

  private func description(_ shown: [Series]) -> String {
    let ends = shown.map { curve -> String in
      let values = curve.values.compactMap { $0 }.filter(Self.isDrawable)
      guard let first = values.first, let last = values.last else { return HTML.text(curve.name) }
      return "\(HTML.text(curve.name)) from \(text(first)) to \(text(last))"
    }
    return "\(title) by \(horizontal): \(ends.joined(separator: "; "))"
  }

  private func legend(_ shown: [Series]) -> String {
    var items: [String] = []
    if shown.count > 1 {
      items = shown.map { curve in
        "<span>\(SVG.key(curve.color + (curve.dashed ? " dashed" : "")))\(HTML.text(curve.name))</span>"
      }
    }
    if let mark {
      let ring =
        "<svg class=\"key dot\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">\(SVG.circle("ring", 6, 6, 4.5))</svg>"
      items.append("<span>\(ring)\(mark.text)</span>")
    }
    return items.isEmpty ? "" : "<div class=\"legend\">\(items.joined())</div>"
  }

  /// The names beside the curves' ends, moved apart where they would overlap.
  private func endLabels(
    _ shown: [Series], at place: Double, y: (Double) -> Double, range: (low: Double, high: Double)
  ) -> [String] {
    var labels: [(place: Double, curve: Series)] = shown.compactMap { curve in
      curve.values.last { $0.map(Self.isDrawable) == true }.flatMap { $0 }.map { (y($0), curve) }
    }
    labels.sort { $0.place < $1.place }
    for index in labels.indices.dropFirst() {
      labels[index].place = max(labels[index].place, labels[index - 1].place + 15)
    }
    var below = range.high
    for index in labels.indices.reversed() {
      labels[index].place = min(labels[index].place, below)
      below = labels[index].place - 15
    }
    return labels.map {
      SVG.text("label \($0.curve.color)", place, $0.place + 4, "start", HTML.short($0.curve.name, 13))
    }
  }

  /// A column for each epoch (for some hundred at most) with the text to read out.
  private func pointer(
    _ shown: [Series], first: Int, last: Int, plot: (width: Double, height: Double), x: (Int) -> Double,
    y: (Double) -> Double
  ) -> [String] {
    var parts = [SVG.line("guide", 0, top, 0, top + plot.height)]
    parts += shown.map { SVG.circle("follow \($0.color)", -9, -9, 4) }
    let every = max(1, (positions.count + 239) / 240)
    let indices = Array(stride(from: (positions.count - 1) % every, to: positions.count, by: every))
    for (order, index) in indices.enumerated() {
      let from = order == 0 ? left : (x(indices[order - 1]) + x(index)) / 2
      let to = order == indices.count - 1 ? left + plot.width : (x(index) + x(indices[order + 1])) / 2
      let heights = shown.map { curve in
        curve.values[index].flatMap { Self.isDrawable($0) ? SVG.number(y($0)) : nil } ?? "-9"
      }
      let place =
        "x=\"\(SVG.number(from))\" y=\"\(SVG.number(top))\" width=\"\(SVG.number(max(0, to - from)))\""
        + " height=\"\(SVG.number(plot.height))\""
      let data = "data-x=\"\(SVG.number(x(index)))\" data-y=\"\(heights.joined(separator: " "))\""
      parts.append("<rect class=\"hit\" \(place) \(data)><title>\(readout(shown, index))</title></rect>")
    }
    return parts
  }

  /// A curve's path, broken at its gaps; a point between two gaps, and all points of a short curve, are dots.
  static func curve(_ curve: Series, dots: Bool, x: (Int) -> Double, y: (Double) -> Double) -> [String] {
    var path = ""
    var circles: [String] = []
    let values = curve.values.map { $0.flatMap { isDrawable($0) ? $0 : nil } }
    for (index, value) in values.enumerated() {
      guard let value else { continue }
      let joins = index > 0 && values[index - 1] != nil
      path += "\(joins ? "L" : "M")\(SVG.number(x(index))) \(SVG.number(y(value)))"
      let alone = !joins && (index + 1 == values.count || values[index + 1] == nil)
      if dots || alone {
        circles.append(SVG.circle("point \(curve.color)", x(index), y(value), alone ? 3 : 2))
      }
    }
    return [SVG.path("line \(curve.color)\(curve.dashed ? " dashed" : "")", path)] + circles
  }

  /// A few whole numbers from `first` to `last`.
  static func wholeTicks(_ first: Int, _ last: Int) -> [Int] {
    guard last > first, last - first < 1 << 40 else { return [first] }
    let step = max(1, Int(ChartAxis.round(Double(last - first) / 6)))
    var ticks = [first]
    var tick = (first / step + 1) * step
    while tick <= last {
      if tick - first >= (step + 1) / 2 { ticks.append(tick) }
      tick += step
    }
    return ticks
  }
}
