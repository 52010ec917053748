// TextTable.swift: columns of text that line up.

/// A table for the terminal. Columns whose title ends in a space are flushed left, others right.
struct TextTable {
  private let titles: [String]
  private var rows: [[String]] = []

  /// Creates a table with its titles; a title that ends in a space is that of a column of words.
  init(_ titles: [String]) { self.titles = titles }

  /// Adds a row; `nil` shows as a dash.
  mutating func add(_ cells: [String?]) { rows.append(cells.map { $0 ?? "–" }) }

  /// Adds a line between rows.
  mutating func addRule() { rows.append([]) }

  /// The table, line by line.
  var lines: [String] {
    let widths = titles.indices.map { column in
      rows.filter { !$0.isEmpty }.reduce(titles[column].cells) { max($0, $1[column].cells) }
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "──")
    func line(_ cells: [String]) -> String {
      let padded = zip(cells, zip(titles, widths)).map { cell, column in
        column.0.hasSuffix(" ") ? cell.padded(to: column.1) : cell.leftPadded(to: column.1)
      }
      let text = padded.joined(separator: "  ")
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
    return [line(titles), rule] + rows.map { $0.isEmpty ? rule : line($0) }
  }
}
