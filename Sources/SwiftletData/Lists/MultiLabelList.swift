// MultiLabelList.swift: images that a list names with any number of classes each.

/// Images of a list with any number of classes each.
///
/// There are two forms. In one a field has all classes of an image, separated by `;` or `|` (whichever does not separate
/// fields); an empty field is an image without any. In the other a header names a column of 0 and 1 for each class. A column
/// of `train`, `val` and `test` splits. Separators, encoding and columns are found as for ``CSVList``. The order is the
/// list's; classes are in the order of their columns, otherwise of their names.
public struct MultiLabelList: ImageDataset {
  private let images: ListedImages<[Int]>

  /// Reads a list, whatever parts it names.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public init(_ path: String) throws {
    let (classes, list, labels) = try Self.read(path)
    images = ListedImages(
      classes: classes, rows: zip(list.rows, labels).map { ($0.path, $0.listed, $1) })
  }

  public var classes: [String] { images.classes }
  public var count: Int { images.count }
  public func name(_ index: Int) -> String { images.name(index) }
  /// The classes of an image, ascending.
  public func target(_ index: Int) -> [Int] { images.target(index) }
  public func image(_ index: Int) throws -> RGBImage { try images.image(index) }
  public func fingerprint(_ index: Int) -> String { images.fingerprint(index) }

  /// Reads a list in parts; where no line is for validation or the test, a share is held out.
  ///
  /// - Parameters:
  ///   - path: the list.
  ///   - holdOut: that share; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> MultiLabelSplit {
    try split(path, options: DatasetOptions(holdOut: holdOut, seed: seed))
  }

  static func split(_ path: String, options: DatasetOptions) throws -> MultiLabelSplit {
    let (classes, list, labels) = try read(path)
    let images = Dictionary(grouping: zip(list.rows, labels)) { $0.0.part }.mapValues {
      rows -> any ImageDataset<[Int]> in
      ListedImages(classes: classes, rows: rows.map { ($0.0.path, $0.0.listed, $0.1) })
    }
    return try .opened(images, notes: list.notes, path: path, options: options) {
      try MultiLabelSplit(holdingOut: options.holdOut, of: $0, seed: options.seed)
    }
  }

  // MARK: Reading

  private static func read(_ path: String) throws -> (classes: [String], ImageList, labels: [[Int]]) {
    var list = try ImageList(path)
    var seen: Set<String> = []
    for row in list.rows where !seen.insert(row.path).inserted {
      throw list.malformed(row, "'\(row.listed)' is listed twice")
    }
    if let header = list.header {
      let named = list.others.filter { isLabels(header[$0]) }
      let indicators = list.others.filter { column in
        list.rows.contains { Indicator($0.fields[column]) != nil }
      }
      if named.count != 1 || (named.allSatisfy(indicators.contains) && indicators.count > 1) {
        let columns = indicators.count >= 2 ? indicators : list.others
        let (classes, labels) = try columned(list, columns)
        list.say(
          classes: "\(columns.count) columns of 0 and 1", unused: list.others.filter { !columns.contains($0) }
        )
        return (classes, list, labels)
      }
      let (classes, labels) = try listed(list, named[0])
      list.say(classes: list.name(named[0]), unused: list.others.filter { $0 != named[0] })
      return (classes, list, labels)
    }
    guard list.others.count == 1 else {
      throw DatasetError.ambiguous(
        path: path,
        reason:
          "\("column".counted(list.columns)), not path,labels or path,labels,part; a first line has to "
          + "name the columns")
    }
    let (classes, labels) = try listed(list, list.others[0])
    list.say(classes: list.name(list.others[0]), unused: [])
    return (classes, list, labels)
  }

  private static func isLabels(_ name: String) -> Bool {
    ["labels", "label", "classes", "class", "tags", "tag", "targets", "target", "categories", "category"]
      .contains(name.lowercased())
  }

  /// Classes in one field.
  private static func listed(_ list: ImageList, _ column: Int) throws -> (classes: [String], labels: [[Int]])
  {
    var separators: Set<Character> = [";", "|"]
    switch list.separator {
    case .semicolon: separators = ["|", ","]
    case .pipe: separators = [";", ","]
    case .tab: separators = [";", "|", ","]
    default: break
    }
    var names: [[String]] = []
    for row in list.rows {
      let field = row.fields[column]
      let labels = field.split(omittingEmptySubsequences: false, whereSeparator: separators.contains)
        .map { $0.trimmingSpaces() }
      let isEmpty = labels == [""]
      if !isEmpty, labels.contains("") { throw list.malformed(row, "a class is empty in '\(field)'") }
      names.append(isEmpty ? [] : labels)
    }
    let classes = try ClassTree.classes(TreeImages.distinct(names.flatMap(\.self)), path: list.path)
    let numbers = Dictionary(zip(classes, 0...)) { first, _ in first }
    return (classes, names.map { Set($0.compactMap { numbers[$0] }).sorted() })
  }

  /// A column for each class.
  private static func columned(_ list: ImageList, _ columns: [Int]) throws -> (
    classes: [String], labels: [[Int]]
  ) {
    let classes = columns.map { list.header?[$0] ?? "" }
    guard !classes.contains("") else {
      throw DatasetError.malformedLine(path: list.path, line: 1, reason: "a class has no name")
    }
    _ = try ClassTree.classes(classes.sorted(by: ClassTree.precedes), path: list.path)
    let labels = try list.rows.map { row in
      var labels: [Int] = []
      for (label, column) in columns.enumerated() {
        guard let value = Indicator(row.fields[column]) else {
          throw list.malformed(row, "'\(row.fields[column])' for \(classes[label]) is neither 0 nor 1")
        }
        if value == .on { labels.append(label) }
      }
      return labels
    }
    return (classes, labels)
  }
}
