// ReportText.swift: text and numbers as a page shows them.

/// Text of data as HTML.
package enum HTML {
  /// The text with everything escaped that means something in HTML, in content and in quoted attributes.
  ///
  /// Control characters, which HTML forbids, and those that turn the direction of writing, with which a name could
  /// reorder the text around it, become U+FFFD.
  package static func text(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n": result.unicodeScalars.append(scalar)
      case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}",
        "\u{FFFE}"..."\u{FFFF}":
        result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The first characters of a name that is too long for its place, escaped; the place's tooltip has all of it.
  static func short(_ text: String, _ limit: Int) -> String {
    self.text(text.count <= limit ? text : text.prefix(limit - 1) + "…")
  }

  /// A cell with a number; a dash where there is none.
  static func number(_ text: String?) -> String { "<td class=\"n\">\(text ?? "–")</td>" }

  /// A table's row of header cells; those that begin with `#` are numbers and right-aligned.
  static func header(_ names: [String]) -> String {
    "<thead><tr>"
      + names.map {
        $0.hasPrefix("#")
          ? "<th scope=\"col\" class=\"n\">\($0.dropFirst())</th>" : "<th scope=\"col\">\($0)</th>"
      }.joined() + "</tr></thead>"
  }

  /// A table that scrolls sideways by itself where it is wider than the page.
  static func table(caption: String, kind: String = "", header: String, rows: [String], footer: String = "")
    -> String
  {
    """
    <div class="scroll"><table class="\(kind)"><caption><span>\(caption)</span></caption>
    \(header)
    <tbody>
    \(rows.joined(separator: "\n"))
    </tbody>\(footer)</table></div>
    """
  }

  /// A table of classes, the weakest first: more than `limit` of them are shown as 20 and a part that opens.
  static func classTable(
    caption: String, header: String, rows: [String], footer: String, collapsedAfter limit: Int
  ) -> String {
    guard rows.count > limit else {
      return table(
        caption: "The weakest first. \(caption)", kind: "bars", header: header, rows: rows, footer: footer)
    }
    let shown = 20
    let rest = table(
      caption: "The other \(rows.count - shown) classes.", kind: "bars", header: header,
      rows: Array(rows.dropFirst(shown)))
    return table(
      caption: "The \(shown) weakest of \(rows.count) classes. \(caption)", kind: "bars", header: header,
      rows: Array(rows.prefix(shown)), footer: footer)
      + "<details><summary>The other \(rows.count - shown) classes</summary>\n\(rest)\n</details>"
  }
}

/// Numbers for readers.
enum Format {
  /// With a fixed number of decimals. A value that is not finite becomes a word.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return notFinite(value) }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 9e15 else { return scientific(value, 4) }
    let whole = Int(scaled)
    var text = String(whole)
    if digits > 0 {
      text = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
      text.insert(".", at: text.index(text.endIndex, offsetBy: -digits))
    }
    return value < 0 && whole > 0 ? "−\(text)" : text
  }

  /// With so many significant digits, and without zeros at the end.
  static func significant(_ value: Double, _ digits: Int = 4) -> String {
    guard value.isFinite else { return notFinite(value) }
    if value == 0 { return "0" }
    let exponent = decade(value.magnitude)
    if exponent < -4 || exponent > 6 { return scientific(value, digits) }
    let decimals = max(0, digits - 1 - exponent)
    return decimals == 0 ? grouped(Int(value.rounded())) : trimmed(fixed(value, decimals))
  }

  /// A share as a percentage.
  static func percent(_ value: Double, _ digits: Int = 1) -> String {
    value.isFinite ? "\(fixed(100 * value, digits))%" : notFinite(value)
  }

  /// With a comma between thousands.
  static func grouped(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value.magnitude).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "−" : "") + String(text.reversed())
  }

  /// A duration in readable units.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return notFinite(seconds) }
    if seconds < 10 { return "\(fixed(max(0, seconds), 1)) s" }
    guard seconds < 1e9 else { return "\(scientific(seconds, 3)) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min" + (whole % 60 == 0 ? "" : " \(whole % 60) s") }
    let minutes = Int((seconds / 60).rounded())
    return "\(minutes / 60) h" + (minutes % 60 == 0 ? "" : " \(minutes % 60) min")
  }

  /// Rising numbers with runs drawn together: `3, 7–9`.
  static func spans(_ numbers: [Int]) -> String {
    var spans: [(first: Int, last: Int)] = []
    for number in numbers {
      if let last = spans.last?.last, number == last &+ 1 {
        spans[spans.count - 1].last = number
      } else {
        spans.append((number, number))
      }
    }
    let shown = spans.prefix(12).map { $0.first == $0.last ? "\($0.first)" : "\($0.first)–\($0.last)" }
    return shown.joined(separator: ", ") + (spans.count > 12 ? ", …" : "")
  }

  /// The position of the first digit: 0 for 1 to 9.99, −1 for 0.1. The magnitude is above 0 and finite.
  static func decade(_ magnitude: Double) -> Int {
    var (value, exponent) = (magnitude, 0)
    while value >= 10 {
      value /= 10
      exponent += 1
    }
    while value < 1, exponent > -330 {
      value *= 10
      exponent -= 1
    }
    return exponent
  }

  private static func scientific(_ value: Double, _ digits: Int) -> String {
    let exponent = decade(value.magnitude)
    var mantissa = value
    for _ in 0..<abs(exponent) { mantissa = exponent > 0 ? mantissa / 10 : mantissa * 10 }
    return "\(trimmed(fixed(mantissa, digits - 1)))e\(exponent)"
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var result = text
    while result.hasSuffix("0") { result.removeLast() }
    if result.hasSuffix(".") { result.removeLast() }
    return result
  }

  private static func notFinite(_ value: Double) -> String {
    value.isNaN ? "not a number" : value > 0 ? "infinite" : "−infinite"
  }
}
