// MultiLabelList.swift: images that a .csv file lists with any number of classes each.

/// Images of a list with any number of classes each.
///
/// There are two forms. `path,labels` or `path,labels,part` has the classes of an image in one field, separated by `;`
/// or `|`; an empty field is an image without any. With a header `path,sky,water,…` each class has a column of 0 and 1;
/// a column `part` or `split` may follow. Parts are `train` and `val`. Paths are relative to the list's folder, quotes
/// those of RFC 4180. The order is the list's; classes are in the order of their columns, otherwise of their names.
public struct MultiLabelList: ImageDataset {
  public let classes: [String]
  private let rows: [Row]

  private struct Row {
    let path: String
    /// The path as the list has it.
    let listed: String
    let labels: [Int]
    let isValidation: Bool
  }

  /// Reads a list, whatever parts it names.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public init(_ path: String) throws {
    let (classes, rows) = try Self.read(path)
    self.init(classes: classes, rows: rows)
  }

  private init(classes: [String], rows: [Row]) {
    self.classes = classes
    self.rows = rows
  }

  public var count: Int { rows.count }
  public func name(_ index: Int) -> String { rows[index].path }
  /// The classes of an image, ascending.
  public func target(_ index: Int) -> [Int] { rows[index].labels }
  public func image(_ index: Int) throws -> RGBImage { try RGBImage(contentsOf: rows[index].path) }
  public func fingerprint(_ index: Int) -> String {
    ImageFolder.fingerprint(rows[index].listed, file: rows[index].path)
  }

  /// Reads a list in two parts; where no line is for validation, a share is held out.
  ///
  /// - Parameters:
  ///   - path: the `.csv` file, or a folder with one named `labels.csv`.
  ///   - holdOut: that share; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> MultiLabelSplit {
    let (classes, rows) = try read(path)
    let training = MultiLabelList(classes: classes, rows: rows.filter { !$0.isValidation })
    let held = rows.filter(\.isValidation)
    guard !held.isEmpty else { return try MultiLabelSplit(holdingOut: holdOut, of: training, seed: seed) }
    guard training.count > 0 else { throw DatasetError.noImages(path: path) }
    return MultiLabelSplit(training: training, validation: MultiLabelList(classes: classes, rows: held))
  }

  // MARK: Reading

  private static func read(_ path: String) throws -> (classes: [String], rows: [Row]) {
    var records = try CSVRecords.read(path)
    guard let first = records.first else { throw DatasetError.noImages(path: path) }
    var columns: [String]?
    if first.fields.count >= 2, CSVRecords.isPath(first.fields[0]) {
      records.removeFirst()
      if !isLabels(first.fields[1]) { columns = Array(first.fields.dropFirst()) }
    }
    guard !records.isEmpty else { throw DatasetError.noImages(path: path) }
    var seen: Set<String> = []
    for record in records where !seen.insert(record.fields[0]).inserted {
      throw DatasetError.malformedLine(
        path: path, line: record.line, reason: "'\(record.fields[0])' is listed twice")
    }
    return try columns.map { try columned(records, $0, path: path) } ?? listed(records, path: path)
  }

  private static func isLabels(_ name: String) -> Bool {
    ["labels", "label", "classes", "class", "tags", "tag", "targets", "target", "categories", "category"]
      .contains(name.lowercased())
  }

  /// Classes in one field.
  private static func listed(
    _ records: [CSVRecords.Record], path: String
  ) throws -> (classes: [String], rows: [Row]) {
    var names: [[String]] = []
    for record in records {
      guard record.fields.count == 2 || record.fields.count == 3 else {
        throw DatasetError.malformedLine(
          path: path, line: record.line,
          reason:
            "\(record.fields.count == 1 ? "1 field" : "\(record.fields.count) fields"), not path,labels "
            + "or path,labels,part")
      }
      let labels = record.fields[1].split(omittingEmptySubsequences: false) { $0 == ";" || $0 == "|" }
        .map { $0.trimmingSpaces() }
      let isEmpty = labels == [""]
      if !isEmpty, labels.contains("") {
        throw DatasetError.malformedLine(
          path: path, line: record.line, reason: "a class is empty in '\(record.fields[1])'")
      }
      names.append(isEmpty ? [] : labels)
    }
    var distinct: [String] = []
    for name in names.joined().sorted(by: ClassTree.precedes)
    where distinct.last?.utf8.elementsEqual(name.utf8) != true { distinct.append(name) }
    let classes = try ClassTree.classes(distinct, path: path)
    let numbers = Dictionary(zip(classes, 0...)) { first, _ in first }
    let rows = try zip(records, names).map { record, names in
      try row(
        record, Set(names.compactMap { numbers[$0] }), part: record.fields.count == 3 ? record.fields[2] : "",
        path: path)
    }
    return (classes, rows)
  }

  /// A column for each class.
  private static func columned(
    _ records: [CSVRecords.Record], _ header: [String], path: String
  ) throws -> (classes: [String], rows: [Row]) {
    let hasPart = header.last.map(CSVRecords.isPart) ?? false
    let classes = hasPart ? Array(header.dropLast()) : header
    guard !classes.contains("") else {
      throw DatasetError.malformedLine(path: path, line: 1, reason: "a class has no name")
    }
    _ = try ClassTree.classes(classes.sorted(by: ClassTree.precedes), path: path)
    let rows = try records.map { record in
      func malformed(_ reason: String) -> DatasetError {
        .malformedLine(path: path, line: record.line, reason: reason)
      }
      guard record.fields.count == header.count + 1 else {
        throw malformed("\(record.fields.count) fields where the header names \(header.count + 1)")
      }
      var labels: Set<Int> = []
      for (label, field) in record.fields.dropFirst().prefix(classes.count).enumerated() {
        switch field {
        case "1": labels.insert(label)
        case "0": break
        default: throw malformed("'\(field)' for \(classes[label]) is neither 0 nor 1")
        }
      }
      return try row(record, labels, part: hasPart ? record.fields.last ?? "" : "", path: path)
    }
    return (classes, rows)
  }

  private static func row(
    _ record: CSVRecords.Record, _ labels: Set<Int>, part: String, path: String
  ) throws -> Row {
    guard !record.fields[0].isEmpty else {
      throw DatasetError.malformedLine(path: path, line: record.line, reason: "the path is empty")
    }
    guard let isValidation = CSVRecords.isValidation(part) else {
      throw DatasetError.malformedLine(
        path: path, line: record.line, reason: "the part '\(part)' is neither train nor val")
    }
    return Row(
      path: CSVRecords.file(record.fields[0], in: path), listed: record.fields[0], labels: labels.sorted(),
      isValidation: isValidation)
  }
}
