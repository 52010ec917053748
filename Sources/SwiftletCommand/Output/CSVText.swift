// CSVText.swift: lines of comma-separated values (RFC 4180), as spreadsheets read them.

import SwiftletModules

/// Text of comma-separated values.
enum CSVText {
  /// A line without its end: cells with commas, quotes, line breaks or spaces at an end stand in quotes; `nil` is empty.
  static func line(_ cells: [String?]) -> String { cells.map { quoted($0 ?? "") }.joined(separator: ",") }

  private static func quoted(_ cell: String) -> String {
    let needsQuotes =
      cell.unicodeScalars.contains { [",", "\"", "\n", "\r", ";", "\t"].contains($0) }
      || cell.first == " " || cell.last == " "
    return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
  }
}
