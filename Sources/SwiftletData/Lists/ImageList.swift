// ImageList.swift: a list of images: its columns found by what they hold.

import SwiftletFormats

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The lines of a list, and the columns for paths, classes and parts.
struct ImageList {
  /// An image of the list.
  struct Row: Sendable {
    let line: Int
    /// The path of its file, and the entry as the list has it.
    let path: String, listed: String
    fileprivate(set) var part: Part
    /// Its fields.
    let fields: [String]
  }

  let path: String
  private(set) var rows: [Row]
  /// The names of the columns, where the list has a header.
  let header: [String]?
  /// The number of columns.
  let columns: Int
  /// The separator between fields.
  let separator: ListSeparator
  let pathColumn: Int
  let partColumn: Int?
  private(set) var notes = DatasetNotes()
  private let paths: ListPaths
  private let encoding: String?

  /// Columns that are neither paths nor parts.
  var others: [Int] { (0..<columns).filter { $0 != pathColumn && $0 != partColumn } }

  /// Reads a list.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  init(_ path: String) throws {
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    let text = try MappedFile(contentsOf: path).storage.withUnsafeBytes { try ListText($0, path: path) }
    self.path = path
    encoding = text.encoding
    var table = try Self.table(text.bytes, path: path)
    let paths = table.paths
    let pathColumn = table.column
    (self.paths, self.pathColumn, separator, columns) = (paths, pathColumn, table.separator, table.columns)

    // The first line is a header where its path is none, the others' are, and none of its words is in the column below it.
    func isFound(_ record: ListRecords.Record) -> Bool {
      pathColumn < record.fields.count && paths.find(record.fields[pathColumn]) != .missing
    }
    var header: [String]?
    if let first = table.records.first,
      Self.isHeader(first.fields, table.records.dropFirst(), pathColumn, isFound)
    {
      header = first.fields
      table.records.removeFirst()
    }
    self.header = header
    guard !table.records.isEmpty else { throw DatasetError.noImages(path: path) }
    let count = columns
    try Self.fit(&table.records, to: count, header: header, path: path)
    let partColumn = try Self.partColumn(
      table.records, header, columns: count, pathColumn: pathColumn, path: path)
    self.partColumn = partColumn

    var rows: [Row] = []
    var missing = LeftOutFiles()
    for record in table.records {
      func malformed(_ reason: String) -> DatasetError {
        .malformedLine(path: path, line: record.line, reason: reason)
      }
      let entry = record.fields[pathColumn]
      guard !entry.isEmpty else { throw malformed("the path is empty") }
      let word = partColumn.map { record.fields[$0] } ?? ""
      guard let part = word.isEmpty ? .training : Part(naming: word) else {
        throw malformed("the part '\(word)' is none of train, val and test")
      }
      switch paths.find(entry) {
      case .file(let file):
        rows.append(Row(line: record.line, path: file, listed: entry, part: part, fields: record.fields))
      case .missing: missing.add("listed file that is not there", entry)
      case .two(let first, let second):
        throw malformed("'\(entry)' may be \(first) or \(second): write the folder into the list")
      }
    }
    guard !rows.isEmpty else {
      throw DatasetError.noListedFile(
        path: path, count: table.records.count, first: table.records[0].fields[pathColumn])
    }
    if !missing.isEmpty { notes.remark("left out: \(missing.text)") }
    self.rows = try Self.readable(rows, &notes)
  }

  // MARK: Lines

  private struct Table {
    var records: [ListRecords.Record]
    let separator: ListSeparator
    let columns: Int
    let column: Int
    let paths: ListPaths
  }

  /// Tries each separator; the one with files in a column is right.
  private static func table(_ text: [UInt8], path: String) throws -> Table {
    let folders = ListFolders(list: path)
    var best: (table: Table, score: Double)?
    var firstError: (any Error)?
    var isEmpty = true
    for separator in ListSeparator.allCases {
      let records: [ListRecords.Record]
      do {
        records = try ListRecords.read(text, separator, path: path)
      } catch {
        // The error of the commas is that of a .csv file, where no other separator does better.
        firstError = firstError ?? error
        continue
      }
      guard !records.isEmpty else { continue }
      isEmpty = false
      let columns = usualCount(records)
      guard columns >= 2 || separator == .none else { continue }
      let found = pathColumn(records, columns: columns, folders)
      // Lines that do not fit count against a separator.
      let fitting = Double(records.count { $0.fields.count == columns }) / Double(records.count)
      let score = found.paths.share * fitting
      if score > (best?.score ?? 0) + 1e-9 {
        best = (
          Table(
            records: records, separator: separator, columns: columns, column: found.column, paths: found.paths
          ),
          score
        )
      }
      // Spaces are tried where no character separates.
      if separator == .pipe, let best, best.score >= 0.5 { break }
    }
    // Damage in one line shows as another separator's mediocre success.
    if let firstError, best.map({ $0.score < 0.5 || $0.table.separator == .none }) ?? true {
      throw firstError
    }
    guard let best else {
      guard !isEmpty else { throw DatasetError.noImages(path: path) }
      let records = try ListRecords.read(text, .comma, path: path)
      let first = records.first { $0.fields.contains(where: DataFileKind.hasImageEnding) } ?? records[0]
      if records.count == 1, !first.fields.contains(where: { DataFileKind.hasImageEnding($0) }) {
        throw DatasetError.noImages(path: path)
      }
      throw DatasetError.noListedFile(
        path: path, count: records.count,
        first: first.fields.first(where: DataFileKind.hasImageEnding) ?? first.fields.first ?? "")
    }
    return best.table
  }

  /// The number of fields of most lines; one more where the further fields name parts.
  private static func usualCount(_ records: [ListRecords.Record]) -> Int {
    var counts: [Int: Int] = [:]
    for record in records { counts[record.fields.count, default: 0] += 1 }
    let usual = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
    let longer = records.filter { $0.fields.count == usual + 1 }
    let areParts =
      !longer.isEmpty
      && longer.allSatisfy { Part(naming: $0.fields[usual]) != nil || $0.fields[usual].isEmpty }
    return areParts && usual >= 2 ? usual + 1 : usual
  }

  /// The column whose entries are files.
  private static func pathColumn(
    _ records: [ListRecords.Record], columns: Int, _ folders: ListFolders
  ) -> (column: Int, paths: ListPaths) {
    var best: (column: Int, paths: ListPaths)?
    for column in 0..<min(columns, 64) {
      let entries = records.compactMap { column < $0.fields.count ? $0.fields[column] : nil }
      // Numbers and words that repeat are no paths of images.
      let sample = entries.dropFirst().prefix(64).filter { !$0.isEmpty }
      guard sample.isEmpty || !sample.allSatisfy({ ["0", "1", "0.0", "1.0", "-1"].contains($0) }) else {
        continue
      }
      let paths = ListPaths(entries, folders)
      if paths.share > (best?.paths.share ?? -1) + 1e-9 { best = (column, paths) }
      if paths.share == 1 { break }
    }
    return best ?? (0, ListPaths([], folders))
  }

  private static func isHeader(
    _ first: [String], _ rest: ArraySlice<ListRecords.Record>, _ pathColumn: Int,
    _ isFound: (ListRecords.Record) -> Bool
  ) -> Bool {
    guard !isFound((1, first)), pathColumn < first.count else { return false }
    if DataFileKind.hasImageEnding(first[pathColumn]) { return false }
    // A file that is missing has a class as others have.
    for (column, word) in first.enumerated() where column != pathColumn && !word.isEmpty {
      if rest.contains(where: { column < $0.fields.count && $0.fields[column] == word }) { return false }
    }
    return rest.isEmpty || rest.contains(where: isFound)
  }

  /// Fills up lines whose last fields are empty and left out; refuses others.
  private static func fit(
    _ records: inout [ListRecords.Record], to columns: Int, header: [String]?, path: String
  ) throws {
    if let header, header.count != columns {
      throw DatasetError.malformedLine(
        path: path, line: 1,
        reason: "the header names \("column".counted(header.count)), the lines have \(columns)")
    }
    for index in records.indices {
      let count = records[index].fields.count
      guard count != columns else { continue }
      guard count < columns, count >= 2 || columns == 1 else {
        throw DatasetError.malformedLine(
          path: path, line: records[index].line,
          reason: "\("field".counted(count)) where "
            + (header == nil ? "most lines have \(columns)" : "the header names \(columns)"))
      }
      records[index].fields += [String](repeating: "", count: columns - count)
    }
  }

  private static func partColumn(
    _ records: [ListRecords.Record], _ header: [String]?, columns: Int, pathColumn: Int, path: String
  ) throws -> Int? {
    let others = (0..<columns).filter { $0 != pathColumn }
    func words(_ column: Int) -> [String] { records.map { $0.fields[column] }.filter { !$0.isEmpty } }
    func isNamed(_ column: Int) -> Bool {
      guard let header else { return false }
      return [
        "part", "split", "subset", "set", "phase", "usage", "partition", "data_split", "dataset", "fold",
        "data set", "mode",
      ]
      .contains(header[column].lowercased())
    }
    let candidates = others.filter { column in
      let words = words(column)
      let parts = words.map { Part(naming: $0) }
      return !words.isEmpty && parts.allSatisfy { $0 != nil }
        && (isNamed(column) || parts.contains(.training) || words.count < records.count)
    }
    // The class column may say `train` beside bus and car, but not only train, val and test.
    if candidates.count == 1 { return candidates[0] }
    let named = candidates.filter(isNamed)
    if named.count == 1 { return named[0] }
    guard candidates.isEmpty else {
      throw DatasetError.ambiguous(
        path: path,
        reason: "\(candidates.count) columns name parts; name the one that counts 'split', and the others not"
      )
    }
    // A column that is called so, and some of whose words are parts: a misspelling is not to be a class.
    if let column = others.first(where: { column in
      (isNamed(column) || header == nil && columns >= 3)
        && 2 * words(column).count { Part(naming: $0) != nil } >= max(words(column).count, 1)
        && !words(column).isEmpty
    }) {
      return column
    }
    if header == nil, columns == 3, others.count == 2 {
      // path,class,part with one word that is no part.
      let counts = others.map { column in words(column).count { Part(naming: $0) != nil } }
      if counts[1] > 0, counts[0] == 0 { return others[1] }
    }
    return nil
  }

  /// The rows whose files are images; the others are counted by reason.
  private static func readable(_ rows: [Row], _ notes: inout DatasetNotes) throws -> [Row] {
    let tree = ListedFiles(paths: rows.map(\.path))
    var left = LeftOutFiles()
    var result: [Row] = []
    for (row, kind) in zip(rows, tree.kinds()) {
      switch kind {
      case .image: result.append(row)
      case .unusable(let reason), .document(let reason): left.add(reason, row.listed)
      }
    }
    guard !result.isEmpty else {
      throw DatasetError.noUsableImages(path: rows.first?.path ?? "", found: left.text)
    }
    if !left.isEmpty { notes.remark("left out: \(left.text)") }
    return result
  }

  // MARK: Words

  /// A column's name: `'label'`, or `column 2`.
  func name(_ column: Int) -> String { header.map { "'\($0[column])'" } ?? "column \(column + 1)" }

  private var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Says in one line how the list was understood.
  mutating func say(classes: String, unused: [Int]) {
    var words = ["paths in \(name(pathColumn))\(paths.note)", "classes in \(classes)"]
    if let partColumn { words.append("parts in \(name(partColumn))") }
    if header == nil { words.append("no header") }
    if separator != .comma && separator != .none { words.append("separated by \(separator.name)") }
    if let encoding { words.append("read as \(encoding)") }
    notes.note("\(fileName): \(words.joined(separator: ", "))")
    if !unused.isEmpty {
      let names = unused.prefix(8).map(name).joined(separator: ", ") + (unused.count > 8 ? ", …" : "")
      notes.note("\(fileName): not used: \(names)")
    }
  }

  /// Makes all lines those of a part, as the name of the file says.
  mutating func assign(_ part: Part) {
    for index in rows.indices { rows[index].part = part }
    notes.notes.insert(DatasetError.line("\(fileName): the \(part.word) part"), at: 0)
  }

  mutating func remark(_ text: String) { notes.remark("\(fileName): \(text)") }

  /// An error about a line.
  func malformed(_ row: Row, _ reason: String) -> DatasetError {
    .malformedLine(path: path, line: row.line, reason: reason)
  }
}

/// Files by their paths, for their kinds.
private struct ListedFiles: FileTree {
  let path = ""
  let files: [TreeFile]
  let emptyFolders: [[String]] = []
  let junk: [String: Int] = [:]
  private let paths: [String]

  init(paths: [String]) {
    self.paths = paths
    files = paths.map { path in
      var status = stat()
      let byteCount = stat(path, &status) == 0 ? Int(status.st_size) : 0
      return TreeFile(names: [path.split(separator: "/").last.map(String.init) ?? path], byteCount: byteCount)
    }
  }

  func head(_ file: Int) throws -> [UInt8] { try FolderTree.head(paths[file]) }
  func contents(_ file: Int) throws -> MappedFile { try MappedFile(contentsOf: paths[file]) }
  func image(_ file: Int) throws -> RGBImage { try RGBImage(contentsOf: paths[file]) }
}

/// Images of a list, in its order.
struct ListedImages<Target: Sendable>: ImageDataset, EncodedImages {
  let classes: [String]
  private let rows: [(path: String, listed: String, target: Target)]

  init(classes: [String], rows: [(path: String, listed: String, target: Target)]) {
    (self.classes, self.rows) = (classes, rows)
  }

  var count: Int { rows.count }
  func name(_ index: Int) -> String { rows[index].path }
  func target(_ index: Int) -> Target { rows[index].target }
  func image(_ index: Int) throws -> RGBImage { try RGBImage(contentsOf: rows[index].path) }
  func fingerprint(_ index: Int) -> String {
    ImageFolder.fingerprint(rows[index].listed, file: rows[index].path)
  }

  func byteCount(_ index: Int) -> Int? {
    var status = stat()
    return stat(rows[index].path, &status) == 0 ? Int(status.st_size) : nil
  }

  func head(_ index: Int) throws -> [UInt8] { try FolderTree.head(rows[index].path) }
  func contents(_ index: Int) throws -> MappedFile { try MappedFile(contentsOf: rows[index].path) }
}

extension ListedImages: Dataset where Target == Int {
  func label(_ index: Int) -> Int { target(index) }
}
