// CSVList.swift: photographs that a .csv file lists with their classes.

import SwiftletFormats

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Photographs of a list: lines of `path,class`, or `path,class,part` with `train` or `val`.
///
/// Quotes are those of RFC 4180; a first line `path,class` or the like is a header. Paths are relative to the list's
/// folder. The order is the list's, that of the classes their names'.
public struct CSVList: Dataset {
  public let classes: [String]
  private let rows: [Row]
  private let labels: [Int]

  private struct Row {
    let path: String
    let name: String
    let isValidation: Bool
  }

  /// Reads a list, whatever its third column says.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public init(_ path: String) throws { try self.init(Self.rows(path), path: path, known: nil) }

  private init(_ rows: [Row], path: String, known: [String]?) throws {
    guard !rows.isEmpty else { throw DatasetError.noImages(path: path) }
    var distinct: [String] = []
    for name in rows.map(\.name).sorted(by: ClassTree.precedes)
    where distinct.last?.utf8.elementsEqual(name.utf8) != true {
      distinct.append(name)
    }
    let classes = try known ?? ClassTree.classes(distinct, path: path)
    let numbers = Dictionary(zip(classes, 0...)) { first, _ in first }
    labels = try rows.map { row in
      guard let label = numbers[row.name] else { throw DatasetError.unknownClass(path: path, name: row.name) }
      return label
    }
    self.rows = rows
    self.classes = classes
  }

  /// Reads a list; where no line is for validation, a share of each class is held out.
  ///
  /// - Parameters:
  ///   - path: the `.csv` file.
  ///   - holdOut: that share; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    let rows = try rows(path)
    let training = try CSVList(rows.filter { !$0.isValidation }, path: path, known: nil)
    let held = rows.filter(\.isValidation)
    guard !held.isEmpty else { return try DatasetSplit(holdingOut: holdOut, of: training, seed: seed) }
    let validation = try CSVList(held, path: path, known: training.classes)
    return DatasetSplit(training: training, validation: validation)
  }

  public var count: Int { rows.count }
  public func name(_ index: Int) -> String { rows[index].path }
  public func label(_ index: Int) -> Int { labels[index] }
  public func image(_ index: Int) throws -> Image { try Image(contentsOf: rows[index].path) }

  // MARK: Reading

  private static func rows(_ path: String) throws -> [Row] {
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    let records = try MappedFile(contentsOf: path).storage.withUnsafeBytes { bytes in
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      let body = bytes.starts(with: mark) ? UnsafeRawBufferPointer(rebasing: bytes[3...]) : bytes
      return try Self.records(body, path: path)
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var rows: [Row] = []
    for (number, record) in records.enumerated() {
      if number == 0, isHeader(record.fields) { continue }
      func malformed(_ reason: String) -> DatasetError {
        .malformedLine(path: path, line: record.line, reason: reason)
      }
      let fields = record.fields
      guard fields.count == 2 || fields.count == 3 else {
        throw malformed(
          "\(fields.count == 1 ? "1 field" : "\(fields.count) fields"), not path,class or path,class,part")
      }
      guard !fields[0].isEmpty else { throw malformed("the path is empty") }
      guard !fields[1].isEmpty else { throw malformed("the class is empty") }
      var isValidation = false
      if fields.count == 3 {
        let part = fields[2].lowercased()
        isValidation = ClassTree.validation.contains(part)
        guard isValidation || part.isEmpty || part == ClassTree.training else {
          throw malformed("the part '\(fields[2])' is neither train nor val")
        }
      }
      let file = fields[0].hasPrefix("/") ? fields[0] : folder + fields[0]
      rows.append(Row(path: file, name: fields[1], isValidation: isValidation))
    }
    return rows
  }

  private static func isHeader(_ fields: [String]) -> Bool {
    let paths = ["path", "file", "filename", "file_name", "image", "image_path", "name"]
    let classes = ["class", "classname", "class_name", "label", "category", "target"]
    return fields.count >= 2 && paths.contains(fields[0].lowercased())
      && classes.contains(fields[1].lowercased())
  }

  /// The records with the line that each begins on, from 1. Empty lines are no records.
  private static func records(
    _ bytes: UnsafeRawBufferPointer, path: String
  ) throws -> [(line: Int, fields: [String])] {
    let (quote, comma, lineFeed, carriageReturn) =
      (UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    var records: [(Int, [String])] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var (line, start) = (1, 1)
    var position = 0
    func malformed(_ reason: String) -> DatasetError {
      .malformedLine(path: path, line: start, reason: reason)
    }
    func end(_ field: [UInt8], trimmed: Bool) throws -> String {
      guard let text = String(validating: field, as: UTF8.self) else { throw malformed("it is not UTF-8") }
      guard !field.contains(0) else { throw malformed("it has a zero byte") }
      return trimmed ? text.trimmingSpaces() : text
    }
    while position < bytes.count {
      field.removeAll(keepingCapacity: true)
      var isQuoted = false
      if bytes[position] == quote {
        isQuoted = true
        position += 1
        while true {
          guard position < bytes.count else { throw malformed("a quote is not closed") }
          let byte = bytes[position]
          position += 1
          if byte == quote {
            // Two quotes inside quotes are one.
            guard position < bytes.count, bytes[position] == quote else { break }
            position += 1
          }
          if byte == lineFeed { line += 1 }
          field.append(byte)
        }
      } else {
        while position < bytes.count, bytes[position] != comma, bytes[position] != lineFeed,
          bytes[position] != carriageReturn
        {
          guard bytes[position] != quote else {
            throw malformed("a quote inside a field that has none around it")
          }
          field.append(bytes[position])
          position += 1
        }
      }
      fields.append(try end(field, trimmed: !isQuoted))
      let next = position < bytes.count ? bytes[position] : lineFeed
      position += 1
      if next == comma {
        // A comma at the very end has an empty field behind it.
        if position == bytes.count { fields.append("") } else { continue }
      } else if next == carriageReturn {
        if position < bytes.count, bytes[position] == lineFeed { position += 1 }
      } else if next != lineFeed {
        throw malformed("something follows the closing quote")
      }
      if fields != [""] || isQuoted { records.append((start, fields)) }
      fields = []
      line += 1
      start = line
    }
    return records
  }
}

extension String {
  fileprivate func trimmingSpaces() -> String {
    var text = Substring(self)
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
