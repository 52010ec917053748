// CSVList.swift: images that a list names with their classes.

/// Images of a list, such as a `.csv` file, with a class each.
///
/// Separators, encoding, header and columns are found by what the file holds: the column of paths is the one whose entries
/// are files; a column of `train`, `val` and `test` splits; the class is the column that is called so, or the only
/// other one, or a 1 among columns of 0 and 1. The order is the list's, that of the classes their names'.
public struct CSVList: Dataset {
  private let images: ListedImages<Int>

  /// Reads a list, whatever parts it names.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public init(_ path: String) throws {
    let lines = try LabeledLines(path)
    let (classes, numbers) = try Self.classes(of: [lines], path: path, least: 2)
    images = ListedImages(
      classes: classes, rows: lines.labeled(numbers).map { ($0.row.path, $0.row.listed, $0.label) })
  }

  private init(_ images: ListedImages<Int>) { self.images = images }

  /// Reads a list; where no line is for validation or the test, a share of each class is held out.
  ///
  /// - Parameters:
  ///   - path: the list.
  ///   - holdOut: that share; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    try split(path, options: DatasetOptions(holdOut: holdOut, seed: seed))
  }

  static func split(_ path: String, options: DatasetOptions) throws -> DatasetSplit {
    try split([try LabeledLines(path)], path: path, options: options)
  }

  /// The images of several lists together.
  static func split(_ lists: [LabeledLines], path: String, options: DatasetOptions) throws -> DatasetSplit {
    let (classes, numbers) = try Self.classes(of: lists, path: path, least: options.leastClasses)
    let lines = lists.flatMap { lines in lines.labeled(numbers).map { (lines.list, $0.row, $0.label) } }
    let parts = Dictionary(grouping: lines) { $0.1.part }
    let known = Set((parts[.training] ?? []).map { $0.2 })
    for part in [Part.validation, .test] where parts[.training] != nil {
      if let (list, row, label) = parts[part]?.first(where: { !known.contains($0.2) }) {
        throw list.malformed(
          row, "the class '\(classes[label])' of the \(part.word) part is unknown in the training images")
      }
    }
    let images = parts.mapValues { rows -> any Dataset in
      ListedImages(classes: classes, rows: rows.map { ($0.1.path, $0.1.listed, $0.2) })
    }
    var notes = DatasetNotes()
    for lines in lists { notes.merge(lines.list.notes) }
    return try .opened(images, notes: notes, path: path, options: options) {
      try DatasetSplit(holdingOut: options.holdOut, of: $0, seed: options.seed)
    }
  }

  /// The classes of lists in their order, and their numbers.
  private static func classes(
    of lists: [LabeledLines], path: String, least: Int
  ) throws -> ([String], [String: Int]) {
    let names = TreeImages.distinct(lists.flatMap(\.names))
    let classes = try ClassTree.classes(names, path: path, least: least)
    return (classes, Dictionary(zip(classes, 0...)) { first, _ in first })
  }

  public var classes: [String] { images.classes }
  public var count: Int { images.count }
  public func name(_ index: Int) -> String { images.name(index) }
  public func label(_ index: Int) -> Int { images.target(index) }
  public func image(_ index: Int) throws -> RGBImage { try images.image(index) }
  public func fingerprint(_ index: Int) -> String { images.fingerprint(index) }
}

/// A list with the name of each line's class.
struct LabeledLines {
  private(set) var list: ImageList
  /// The class of each line.
  let names: [String]
  /// Whether a column has the classes: otherwise they are the folders of the paths.
  let hasClassColumn: Bool

  /// Reads a list.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  init(_ path: String) throws {
    var list = try ImageList(path)
    let choice = try ClassColumn(list)
    names = try list.rows.map { row in
      let name = try choice.name(row, list)
      guard !name.isEmpty else { throw list.malformed(row, "the class is empty") }
      return name
    }
    var seen: [String: String] = [:]
    var repeated = 0
    for (row, name) in zip(list.rows, names) {
      if let other = seen[row.path] {
        guard other == name else {
          throw list.malformed(row, "'\(row.listed)' is listed with two classes, '\(other)' and '\(name)'")
        }
        repeated += 1
      }
      seen[row.path] = name
    }
    if repeated > 0 { list.remark("\("line".counted(repeated)) of images that are listed before") }
    list.say(classes: choice.words(list), unused: choice.unused(list))
    if case .folder = choice { hasClassColumn = false } else { hasClassColumn = true }
    self.list = list
  }

  /// The same list with all lines those of a part.
  func assigned(_ part: Part?) -> LabeledLines {
    var copy = self
    if let part { copy.list.assign(part) }
    return copy
  }

  /// The lines with the numbers of their classes.
  func labeled(_ numbers: [String: Int]) -> [(row: ImageList.Row, label: Int)] {
    zip(list.rows, names).map { ($0, numbers[$1] ?? 0) }
  }
}

/// Where a list has the class of an image.
private enum ClassColumn {
  case column(Int)
  /// Columns of 0 and 1, with one 1 a line.
  case indicators([Int])
  /// The folder that the file is in.
  case folder

  init(_ list: ImageList) throws {
    let others = list.others
    guard !others.isEmpty else {
      self = .folder
      return
    }
    if let header = list.header {
      let words = header.map { $0.lowercased() }
      for tier in Self.usualNames {
        let named = others.filter { tier.contains(words[$0]) }
        if named.isEmpty { continue }
        self = .column(try Self.one(of: named, list))
        return
      }
      let indicators = others.filter { column in list.rows.allSatisfy { Indicator($0.fields[column]) != nil }
      }
      if indicators.count >= 2 {
        self = .indicators(indicators)
        return
      }
    }
    // A column of classes repeats its words, but does not hold one word only.
    let candidates =
      others.count == 1
      ? others
      : others.filter { column in
        let distinct = Set(list.rows.map { $0.fields[column] })
        return distinct.count >= 2 && (distinct.count < list.rows.count || list.rows.count < 4)
          && !distinct.contains("")
      }
    guard !candidates.isEmpty else {
      throw DatasetError.ambiguous(
        path: list.path,
        reason: "none of \(others.map(list.name).joined(separator: ", ")) looks like classes; "
          + "name that column 'class' in a first line")
    }
    self = .column(try Self.one(of: candidates, list))
  }

  /// Names of columns, those that say most clearly what they are first.
  private static let usualNames: [Set<String>] = [
    ["class", "classname", "class_name", "class name", "label_name", "labelname", "category_name"],
    [
      "label", "labels", "category", "categories", "target", "classes", "tag", "tags", "targets", "klasse",
      "classe",
    ],
    [
      "class_id", "classid", "label_id", "category_id", "y", "dx", "diagnosis", "species", "breed", "variety",
      "type", "kind",
    ],
  ]

  /// One of several columns that say the same: the one in words.
  private static func one(of columns: [Int], _ list: ImageList) throws -> Int {
    guard columns.count > 1, let first = columns.first else { return columns.first ?? 0 }
    for column in columns.dropFirst() {
      var pairs: [String: String] = [:]
      var back: [String: String] = [:]
      for row in list.rows {
        let (a, b) = (row.fields[first], row.fields[column])
        guard pairs[a, default: b] == b, back[b, default: a] == a else {
          throw DatasetError.ambiguous(
            path: list.path,
            reason:
              "\(columns.prefix(6).map(list.name).joined(separator: ", ")) may each be the class; name that "
              + "column 'class'\(list.header == nil ? " in a first line" : ""), and the others not")
        }
        pairs[a] = b
        back[b] = a
      }
    }
    return columns.first { column in list.rows.contains { Double($0.fields[column]) == nil } } ?? first
  }

  func name(_ row: ImageList.Row, _ list: ImageList) throws -> String {
    switch self {
    case .column(let column): return row.fields[column]
    case .indicators(let columns):
      let set = columns.filter { Indicator(row.fields[$0]) == .on }
      guard set.count == 1 else {
        throw list.malformed(
          row,
          "\(set.count) of the \(columns.count) columns of classes are 1; for any number of classes use "
            + "--task multi-label")
      }
      return list.header?[set[0]] ?? ""
    case .folder:
      let folder = row.listed.split { $0 == "/" || $0 == "\\" }.dropLast().last.map(String.init)
      guard let folder else {
        throw list.malformed(
          row, "1 field, not a path and a class, and the path has no folder that could be one")
      }
      return folder
    }
  }

  func words(_ list: ImageList) -> String {
    switch self {
    case .column(let column): list.name(column)
    case .indicators(let columns): "\(columns.count) columns of 0 and 1"
    case .folder: "the folders of the paths"
    }
  }

  func unused(_ list: ImageList) -> [Int] {
    switch self {
    case .column(let column): list.others.filter { $0 != column }
    case .indicators(let columns): list.others.filter { !columns.contains($0) }
    case .folder: []
    }
  }
}

/// A field that says yes or no.
enum Indicator {
  case on, off

  init?(_ text: String) {
    switch text.lowercased() {
    case "1", "1.0", "true": self = .on
    case "0", "0.0", "false", "-1": self = .off
    default: return nil
    }
  }
}
