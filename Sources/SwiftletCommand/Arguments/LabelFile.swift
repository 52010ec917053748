// LabelFile.swift: names of classes from a text file.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A text file with one label a line.
enum LabelFile {
  /// The lines, without empty ones at the end.
  ///
  /// - Throws: ``CommandError`` where the file cannot be read or is not text.
  static func read(_ path: String) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandError("\(path): cannot be read")
    }
    guard let text = String(bytes: data, encoding: .utf8) else {
      throw CommandError("\(path): is not UTF-8 text")
    }
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
