// CSVRecords.swift: the lines of a .csv file as fields, and the common columns of the lists of images.

import SwiftletFormats

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Comma-separated values with the quotes of RFC 4180.
enum CSVRecords {
  /// A record and the line that it begins on, from 1.
  typealias Record = (line: Int, fields: [String])

  /// Reads a file. Empty lines are no records; a byte order mark is passed over.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  static func read(_ path: String) throws -> [Record] {
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    return try MappedFile(contentsOf: path).storage.withUnsafeBytes { bytes in
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      let body = bytes.starts(with: mark) ? UnsafeRawBufferPointer(rebasing: bytes[3...]) : bytes
      return try records(body, path: path)
    }
  }

  /// Whether a column of that name holds paths of images.
  static func isPath(_ name: String) -> Bool {
    ["path", "file", "filename", "file_name", "image", "image_path", "name"].contains(name.lowercased())
  }

  /// Whether a column of that name holds the part of a split.
  static func isPart(_ name: String) -> Bool {
    ["part", "split", "subset", "set"].contains(name.lowercased())
  }

  /// Whether a part is the validation part; `nil` where it is neither of the two.
  static func isValidation(_ part: String) -> Bool? {
    let part = part.lowercased()
    if ClassTree.validation.contains(part) { return true }
    return part.isEmpty || part == ClassTree.training ? false : nil
  }

  /// A path of a list, which is relative to the list's folder.
  static func file(_ path: String, in list: String) -> String {
    path.hasPrefix("/") ? path : (list.lastIndex(of: "/").map { String(list[...$0]) } ?? "") + path
  }

  /// The records with the line that each begins on, from 1. Empty lines are no records.
  private static func records(
    _ bytes: UnsafeRawBufferPointer, path: String
  ) throws -> [Record] {
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

extension StringProtocol {
  func trimmingSpaces() -> String {
    var text = Substring(self)
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
