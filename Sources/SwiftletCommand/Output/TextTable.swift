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

  /// The table as CSV: its titles and its rows, without rules. A missing value is empty.
  var csv: [String] {
    ([titles.map { $0.trimmingSpaces }] + rows.filter { !$0.isEmpty }.map { $0.map { $0 == "–" ? "" : $0 } })
      .map { CSVText.line($0) }
  }

  /// The table as Markdown.
  var markdown: [String] {
    let head = titles.map { $0.trimmingSpaces }
    let rule = titles.map { $0.hasSuffix(" ") ? "---" : "--:" }
    return ([head, rule] + rows.filter { !$0.isEmpty }).map { cells in
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
  }

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

extension String {
  /// Without the space that marks a column of words.
  fileprivate var trimmingSpaces: String { hasSuffix(" ") ? String(dropLast()) : self }
}
