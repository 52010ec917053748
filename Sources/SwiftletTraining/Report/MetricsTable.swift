// MetricsTable.swift: epochs as comma-separated values, and back.

/// The text of `metrics.csv`. Numbers are written with as many digits as bring the same number back; missing values are
/// empty.
enum MetricsTable {
  private struct Column: Sendable {
    enum Place: Sendable {
      case integer(WritableKeyPath<EpochRecord, Int> & Sendable)
      case number(WritableKeyPath<EpochRecord, Double> & Sendable)
      case optional(WritableKeyPath<EpochRecord, Double?> & Sendable)
    }

    let name: String
    let place: Place
  }

  private static let columns: [Column] = [
    Column(name: "epoch", place: .integer(\.epoch)),
    Column(name: "step", place: .integer(\.step)),
    Column(name: "learning_rate", place: .number(\.learningRate)),
    Column(name: "training_loss", place: .number(\.trainingLoss)),
    Column(name: "training_accuracy", place: .number(\.trainingAccuracy)),
    Column(name: "validation_loss", place: .optional(\.validationLoss)),
    Column(name: "validation_accuracy", place: .optional(\.validationAccuracy)),
    Column(name: "validation_top5", place: .optional(\.validationTop5)),
    Column(name: "images_per_second", place: .number(\.imagesPerSecond)),
    Column(name: "training_seconds", place: .number(\.trainingSeconds)),
    Column(name: "validation_seconds", place: .number(\.validationSeconds)),
    Column(name: "waiting_share", place: .number(\.waitingShare)),
  ]

  /// The prefix of the columns for a task's own metrics; they follow the others.
  private static let ownPrefix = "validation_"

  static func text(_ records: [EpochRecord]) -> String {
    let own = Set(records.flatMap { ($0.metrics ?? [:]).keys }).sorted()
    var lines = [(columns.map(\.name) + own.map { ownPrefix + $0 }).joined(separator: ",")]
    for record in records {
      let values = columns.map { column in
        switch column.place {
        case .integer(let path): "\(record[keyPath: path])"
        case .number(let path): "\(record[keyPath: path])"
        case .optional(let path): record[keyPath: path].map { "\($0)" } ?? ""
        }
      }
      lines.append((values + own.map { record.metrics?[$0].map { "\($0)" } ?? "" }).joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Reads columns by name, in any order; others are passed over.
  static func records(_ text: String, file: String) throws -> [EpochRecord] {
    func malformed(_ line: Int, _ reason: String) -> RunFolderError {
      .malformed(path: file, line: line, reason: reason)
    }
    func fields(_ line: Substring) -> [Substring] {
      line.split(separator: ",", omittingEmptySubsequences: false)
    }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard let header = lines.first.map(fields) else { return [] }
    let places = try columns.map { column in
      guard let index = header.firstIndex(where: { $0 == column.name }) else {
        throw malformed(1, "no column \"\(column.name)\"")
      }
      return index
    }
    let known = Set(columns.map(\.name))
    let own = header.enumerated().filter { $1.hasPrefix(ownPrefix) && !known.contains(String($1)) }
    var records: [EpochRecord] = []
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let values = fields(line)
      guard values.count == header.count else {
        throw malformed(index + 1, "\(values.count) values where the header names \(header.count)")
      }
      var record = EpochRecord(
        epoch: 0, step: 0, learningRate: 0, trainingLoss: 0, trainingAccuracy: 0, imagesPerSecond: 0,
        trainingSeconds: 0, validationSeconds: 0, waitingShare: 0)
      for (column, place) in zip(columns, places) {
        let value = values[place]
        switch column.place {
        case .integer(let path):
          guard let number = Int(value) else { throw malformed(index + 1, "\(column.name) is \"\(value)\"") }
          record[keyPath: path] = number
        case .number(let path):
          guard let number = Double(value) else {
            throw malformed(index + 1, "\(column.name) is \"\(value)\"")
          }
          record[keyPath: path] = number
        case .optional(let path):
          if value.isEmpty { continue }
          guard let number = Double(value) else {
            throw malformed(index + 1, "\(column.name) is \"\(value)\"")
          }
          record[keyPath: path] = number
        }
      }
      for (place, name) in own where !values[place].isEmpty {
        guard let number = Double(values[place]) else {
          throw malformed(index + 1, "\(name) is \"\(values[place])\"")
        }
        record.metrics = (record.metrics ?? [:]).merging([String(name.dropFirst(ownPrefix.count)): number]) {
          $1
        }
      }
      records.append(record)
    }
    return records
  }
}
