// ZipFolder.swift: the layout of ``ImageFolder`` inside a zip archive, read without unpacking it.

import SwiftletCore
import SwiftletFormats
import Synchronization

/// Images in a zip archive, in one folder for each class or with their class in their names.
///
/// An archive whose entries all lie in one folder is read from there on.
package struct ZipFolder: Dataset {
  package let classes: [String]
  private let archive: SharedArchive
  private let entries: [ZipArchive.Entry]
  private let labels: [Int]

  /// Lists an archive of classes.
  ///
  /// - Throws: ``DatasetError``, ``FormatError`` where the archive is broken.
  package init(_ path: String) throws {
    let archive = try SharedArchive(path)
    try self.init(archive, in: archive.base, known: nil)
  }

  private init(_ archive: SharedArchive, in folder: [Substring], known: [String]?) throws {
    let listed = try archive.tree(folder).labeled(known: known)
    classes = listed.classes
    labels = listed.labels
    entries = listed.files.compactMap { archive.entry($0) }
    self.archive = archive
  }

  /// Opens an archive with the folders `train` and, for validation, `val`, `valid`, `validation` or `test`; without these,
  /// an archive of classes, of which a share is held out.
  ///
  /// - Parameters:
  ///   - path: the archive.
  ///   - holdOut: the share of each class that is held out where nothing else is for validation; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the archive is broken.
  package static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    let archive = try SharedArchive(path)
    let base = archive.base
    let names = archive.folders(base)
    guard names.contains(ClassTree.training) else {
      return try DatasetSplit(
        holdingOut: holdOut, of: ZipFolder(archive, in: base, known: nil), seed: seed)
    }
    let training = try ZipFolder(archive, in: base + [Substring(ClassTree.training)], known: nil)
    guard let name = ClassTree.validation.first(where: names.contains) else {
      return try DatasetSplit(holdingOut: holdOut, of: training, seed: seed)
    }
    let validation = try ZipFolder(archive, in: base + [Substring(name)], known: training.classes)
    return DatasetSplit(training: training, validation: validation)
  }

  package var count: Int { entries.count }
  package func name(_ index: Int) -> String { "\(archive.path)/\(entries[index].name)" }
  package func label(_ index: Int) -> Int { labels[index] }
  package func fingerprint(_ index: Int) -> String {
    let entry = entries[index]
    return "\(entry.name) \(entry.byteCount)"
  }

  package func image(_ index: Int) throws -> RGBImage {
    // The bytes are read one caller at a time; decoding, which takes longer, runs in parallel.
    let storage = try archive.read(entries[index])
    return try storage.withUnsafeBytes { try RGBImage(decoding: $0, name: name(index)) }
  }
}

/// An archive that several data sets and threads read.
private final class SharedArchive: Sendable {
  let path: String
  /// libzip's handles are for one thread at a time.
  private let archive: Mutex<ZipArchive>
  private let byName: [[UInt8]: ZipArchive.Entry]
  /// Image files and empty folders as lists of names; the last is empty for a folder.
  private let parts: [[Substring]]

  init(_ path: String) throws {
    let opened = try ZipArchive(MappedFile(contentsOf: path))
    let entries = opened.entries
    self.path = path
    archive = Mutex(opened)
    var byName: [[UInt8]: ZipArchive.Entry] = [:]
    var parts: [[Substring]] = []
    for entry in entries {
      let names = entry.name.split(separator: "/", omittingEmptySubsequences: false)
      guard !names.contains(where: ClassTree.isHidden), let last = names.last else { continue }
      guard last.isEmpty || ClassTree.isImage(last) else { continue }
      parts.append(names)
      byName[Array(entry.name.utf8)] = entry
    }
    self.byName = byName
    self.parts = parts
  }

  func entry(_ name: String) -> ZipArchive.Entry? { byName[Array(name.utf8)] }

  func read(_ entry: ZipArchive.Entry) throws -> TensorStorage {
    try archive.withLock { try $0.read(entry) }
  }

  /// The folder that everything lies in, where that holds folders itself.
  var base: [Substring] {
    let outer = folders([])
    guard outer.count == 1, let first = outer.first, first != ClassTree.training, tree([]).loose.isEmpty
    else {
      return []
    }
    let base = [Substring(first)]
    return folders(base).isEmpty ? [] : base
  }

  /// The names of the folders in a folder.
  func folders(_ folder: [Substring]) -> [String] { tree(folder).folders.map(\.name) }

  func tree(_ folder: [Substring]) -> ClassTree {
    var tree = ClassTree(path: ([Substring(path)] + folder).joined(separator: "/"))
    var positions: [[UInt8]: Int] = [:]
    for names in parts where names.count > folder.count && names.starts(with: folder) {
      let name = names[folder.count]
      let full = names.joined(separator: "/")
      if names.count == folder.count + 1 {
        if !name.isEmpty { tree.loose.append(full) }
        continue
      }
      let key = Array(name.utf8)
      let position = positions[key] ?? tree.folders.count
      if position == tree.folders.count {
        positions[key] = position
        tree.folders.append((String(name), []))
      }
      if names.last?.isEmpty == false { tree.folders[position].images.append(full) }
    }
    return tree
  }
}
