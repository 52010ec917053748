// ListRecords.swift: the lines of a list as fields.

/// What stands between the fields of a list.
enum ListSeparator: Sendable, CaseIterable {
  case comma, semicolon, tab, pipe
  /// Spaces and tabs.
  case space
  /// The last space of a line: paths may have spaces.
  case lastSpace
  /// Nothing: a path a line.
  case none

  var byte: UInt8? {
    switch self {
    case .comma: UInt8(ascii: ",")
    case .semicolon: UInt8(ascii: ";")
    case .tab: UInt8(ascii: "\t")
    case .pipe: UInt8(ascii: "|")
    case .space, .lastSpace, .none: nil
    }
  }

  var name: String {
    switch self {
    case .comma: "commas"
    case .semicolon: "semicolons"
    case .tab: "tabs"
    case .pipe: "|"
    case .space, .lastSpace: "spaces"
    case .none: "nothing"
    }
  }
}

/// Values with the quotes of RFC 4180.
enum ListRecords {
  /// A record and the line that it begins on, from 1.
  typealias Record = (line: Int, fields: [String])

  /// The records. Empty lines and those that begin with `#` are none; nor is Excel's first line `sep=;`.
  ///
  /// - Throws: ``DatasetError/malformedLine(path:line:reason:)``.
  static func read(_ text: [UInt8], _ separator: ListSeparator, path: String) throws -> [Record] {
    var reader = Reader(bytes: text, separator: separator, path: path)
    var records: [Record] = []
    while let record = try reader.next() { records.append(record) }
    return records
  }

  private struct Reader {
    let bytes: [UInt8]
    let separator: ListSeparator
    let path: String
    var position = 0
    var line = 1
    var start = 1

    init(bytes: [UInt8], separator: ListSeparator, path: String) {
      (self.bytes, self.separator, self.path) = (bytes, separator, path)
    }

    func malformed(_ reason: String) -> DatasetError {
      .malformedLine(path: path, line: start, reason: reason)
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
    private func isLineEnd(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }

    mutating func next() throws -> Record? {
      while position < bytes.count {
        start = line
        if bytes[position] == UInt8(ascii: "#") || bytes[position...].starts(with: "sep=".utf8) {
          while position < bytes.count, !isLineEnd(bytes[position]) { position += 1 }
          endLine()
          continue
        }
        let (fields, isQuoted) = try fields()
        endLine()
        if fields.allSatisfy(\.isEmpty), !isQuoted, fields.count < 2 { continue }
        return (start, fields)
      }
      return nil
    }

    private mutating func endLine() {
      guard position < bytes.count else { return }
      if bytes[position] == 13, position + 1 < bytes.count, bytes[position + 1] == 10 { position += 1 }
      position += 1
      line += 1
    }

    private mutating func fields() throws -> ([String], isQuoted: Bool) {
      var fields: [String] = []
      var wasQuoted = false
      if separator == .lastSpace || separator == .none {
        let end = bytes[position...].firstIndex(where: isLineEnd) ?? bytes.endIndex
        let text = try text(bytes[position..<end]).trimmingSpaces()
        position = end
        guard separator == .lastSpace, let space = text.lastIndex(where: \.isWhitespace) else {
          return ([text], false)
        }
        return (
          [text[..<space].trimmingSpaces(), String(text[text.index(after: space)...])], false
        )
      }
      while true {
        if separator == .space { skipBlanks() }
        let (field, isQuoted) = try field()
        wasQuoted = wasQuoted || isQuoted
        fields.append(field)
        if separator == .space { skipBlanks() }
        guard position < bytes.count, !isLineEnd(bytes[position]) else { return (fields, wasQuoted) }
        if separator != .space { position += 1 }
      }
    }

    private mutating func skipBlanks() {
      while position < bytes.count, isBlank(bytes[position]) { position += 1 }
    }

    /// A field, up to the separator or the end of the line behind it.
    private mutating func field() throws -> (String, isQuoted: Bool) {
      func isEnd(_ byte: UInt8) -> Bool {
        isLineEnd(byte) || byte == separator.byte || (separator == .space && isBlank(byte))
      }
      let quote = UInt8(ascii: "\"")
      // Blanks in front of a quote are no part of the field.
      var ahead = position
      while ahead < bytes.count, isBlank(bytes[ahead]), !isEnd(bytes[ahead]) { ahead += 1 }
      guard ahead < bytes.count, bytes[ahead] == quote else {
        let first = position
        while position < bytes.count, !isEnd(bytes[position]) {
          guard bytes[position] != quote else {
            throw malformed("a quote inside a field that has none around it")
          }
          position += 1
        }
        return (try text(bytes[first..<position]).trimmingSpaces(), false)
      }
      position = ahead + 1
      var field: [UInt8] = []
      while true {
        guard position < bytes.count else { throw malformed("a quote is not closed") }
        let byte = bytes[position]
        position += 1
        if byte == quote {
          // Two quotes inside quotes are one.
          guard position < bytes.count, bytes[position] == quote else { break }
          position += 1
        }
        if byte == 10 { line += 1 }
        field.append(byte)
      }
      while position < bytes.count, isBlank(bytes[position]), !isEnd(bytes[position]) { position += 1 }
      guard position == bytes.count || isEnd(bytes[position]) else {
        throw malformed("something follows the closing quote")
      }
      return (try text(field[...]), true)
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws -> String {
      guard !bytes.contains(0) else { throw malformed("it has a zero byte") }
      return String(decoding: bytes, as: UTF8.self)
    }
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
