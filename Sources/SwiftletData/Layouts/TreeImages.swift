// TreeImages.swift: the images of a folder or an archive, with their classes.

import SwiftletFormats

/// Images of one class each, out of a tree of files.
struct TreeImages: Dataset, EncodedImages {
  let classes: [String]
  private let tree: any FileTree
  private let files: [Int]
  private let labels: [Int]

  /// Numbers the classes in the order of their names; of each class files are in that order, too.
  ///
  /// - Parameters:
  ///   - known: the classes of the training images, where these are of another part.
  /// - Throws: ``DatasetError``.
  init(
    _ items: [TreeLayout.Item], of tree: any FileTree, known: [String]?, part: Part, least: Int,
    notes: inout DatasetNotes
  ) throws {
    let found = Self.distinct(items.map(\.name))
    let classes = try known ?? ClassTree.classes(found, path: tree.path, least: least)
    var numbers = Dictionary(zip(classes.map(ExactName.init), 0...)) { first, _ in first }
    for name in found where numbers[ExactName(name)] == nil {
      // A class that differs in case or spaces from one in training.
      let similar = classes.indices.filter { ClassTree.key(classes[$0]) == ClassTree.key(name) }
      guard similar.count == 1 else {
        throw DatasetError.unknownClass(path: tree.path, name: name, part: part.word)
      }
      notes.remark("the class '\(name)' of the \(part.word) part is taken for '\(classes[similar[0]])'")
      numbers[ExactName(name)] = similar[0]
    }
    if known != nil {
      let seen = Set(found.compactMap { numbers[ExactName($0)] })
      let missing = classes.indices.filter { !seen.contains($0) }
      if !missing.isEmpty {
        notes.remark(
          "the \(part.word) part has no image of \("class".counted(missing.count)): "
            + missing.prefix(5).map { classes[$0] }.joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
        )
      }
    }
    var groups = [[Int]](repeating: [], count: classes.count)
    for item in items { if let label = numbers[ExactName(item.name)] { groups[label].append(item.file) } }
    self.classes = classes
    self.tree = tree
    files = groups.flatMap { $0.sorted() }
    labels = groups.enumerated().flatMap { label, files in files.map { _ in label } }
  }

  /// Names without repetition, in the order of their bytes.
  static func distinct(_ names: [String]) -> [String] {
    Set(names.map(ExactName.init)).map(\.text).sorted(by: ClassTree.precedes)
  }

  /// The parts of a folder or an archive.
  ///
  /// - Throws: ``DatasetError``.
  static func split(_ tree: some FileTree, _ options: DatasetOptions) throws -> DatasetSplit {
    let layout = try TreeLayout(tree, options: options)
    var notes = layout.notes
    guard let items = layout.parts[.training] else { throw DatasetError.noTraining(path: tree.path) }
    let training = try TreeImages(
      items, of: tree, known: nil, part: .training, least: options.leastClasses, notes: &notes)
    var parts: [Part: any Dataset] = [.training: training]
    for part in [Part.validation, .test] {
      guard let items = layout.parts[part] else { continue }
      parts[part] = try TreeImages(
        items, of: tree, known: training.classes, part: part, least: options.leastClasses, notes: &notes)
    }
    return try .opened(parts, notes: notes, path: tree.path, options: options) {
      try DatasetSplit(holdingOut: options.holdOut, of: $0, seed: options.seed)
    }
  }

  var count: Int { files.count }
  func name(_ index: Int) -> String { tree.fullPath(files[index]) }
  func label(_ index: Int) -> Int { labels[index] }
  func image(_ index: Int) throws -> RGBImage { try tree.image(files[index]) }
  func fingerprint(_ index: Int) -> String {
    let file = tree.files[files[index]]
    return "\(file.path) \(file.byteCount)"
  }

  func byteCount(_ index: Int) -> Int? { tree.files[files[index]].byteCount }
  func head(_ index: Int) throws -> [UInt8] { try tree.head(files[index]) }
  func contents(_ index: Int) throws -> MappedFile { try tree.contents(files[index]) }
}
