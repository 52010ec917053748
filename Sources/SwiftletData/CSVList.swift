// CSVList.swift: images that a .csv file lists with their classes.

/// Images of a list: lines of `path,class`, or `path,class,part` with `train` or `val`.
///
/// Quotes are those of RFC 4180; a first line `path,class` or the like is a header. Paths are relative to the list's
/// folder. The order is the list's, that of the classes their names'.
public struct CSVList: Dataset {
  public let classes: [String]
  private let rows: [Row]
  private let labels: [Int]

  private struct Row {
    let path: String
    /// The path as the list has it.
    let listed: String
    let name: String
    let isValidation: Bool
  }

  /// Reads a list, whatever its third column holds.
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
  public func image(_ index: Int) throws -> RGBImage { try RGBImage(contentsOf: rows[index].path) }
  public func fingerprint(_ index: Int) -> String {
    ImageFolder.fingerprint(rows[index].listed, file: rows[index].path)
  }

  // MARK: Reading

  private static func rows(_ path: String) throws -> [Row] {
    var rows: [Row] = []
    for (number, record) in try CSVRecords.read(path).enumerated() {
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
      guard let isValidation = CSVRecords.isValidation(fields.count == 3 ? fields[2] : "") else {
        throw malformed("the part '\(fields[2])' is neither train nor val")
      }
      rows.append(
        Row(
          path: CSVRecords.file(fields[0], in: path), listed: fields[0], name: fields[1],
          isValidation: isValidation))
    }
    return rows
  }

  private static func isHeader(_ fields: [String]) -> Bool {
    let classes = ["class", "classname", "class_name", "label", "category", "target"]
    return fields.count >= 2 && CSVRecords.isPath(fields[0]) && classes.contains(fields[1].lowercased())
  }
}
