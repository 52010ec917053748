// CIFARFiles.swift: CIFAR-10 and CIFAR-100 in a folder or an archive, as binary files or as Python's pickles.

import SwiftletCore
import SwiftletFormats

/// The files of CIFAR-10 or CIFAR-100, wherever in a tree they lie.
struct CIFARFiles {
  private let tree: any FileTree
  private let variety: CIFARBinary.Variety
  private let isPickled: Bool
  /// The names of the folder that they are in.
  private let folder: [String]
  private let byName: [String: Int]

  /// Finds the files by the name of the first; `nil` where there are none.
  init?(in tree: some FileTree) throws {
    for (variety, isPickled) in [
      (CIFARBinary.Variety.cifar10, false), (.cifar10, true), (.cifar100, false), (.cifar100, true),
    ] {
      let first = variety.trainingFiles(isPickled)[0]
      let folders = tree.files.lazy.filter { $0.name == first && $0.names.count <= 4 }
        .map { Array($0.names.dropLast()) }
      for folder in folders {
        let inside = tree.files.enumerated().filter { $1.names.dropLast().elementsEqual(folder) }
        let byName = Dictionary(inside.map { ($1.name, $0) }) { first, _ in first }
        // A file called `train` alone says little.
        guard variety == .cifar10 || byName[variety.nameFile(isPickled)] != nil else { continue }
        (self.tree, self.variety, self.isPickled) = (tree, variety, isPickled)
        (self.folder, self.byName) = (folder, byName)
        return
      }
    }
    return nil
  }

  private func path(_ name: String) -> String {
    ImageFolder.join(tree.path, (folder + [name]).joined(separator: "/"))
  }

  private func contents(_ name: String) throws -> MappedFile {
    guard let file = byName[name] else { throw DatasetError.missing(path: path(name)) }
    return try tree.contents(file)
  }

  /// The training and the test part; the test part chooses the epoch, as is the custom with CIFAR.
  ///
  /// - Throws: ``DatasetError``, ``FormatError``.
  func split(_ options: DatasetOptions) throws -> DatasetSplit {
    let classes = try names()
    let training = try images(variety.trainingFiles(isPickled), classes)
    var parts: [Part: any Dataset] = [.training: training]
    let test = variety.testFile(isPickled)
    if byName[test] != nil { parts[.test] = try images([test], classes) }
    var notes = DatasetNotes()
    notes.note(
      "\(variety == .cifar10 ? "CIFAR-10" : "CIFAR-100") in \(isPickled ? "Python's" : "binary") files")
    return try .opened(parts, notes: notes, path: tree.path, options: options) {
      try DatasetSplit(holdingOut: options.holdOut, of: $0, seed: options.seed)
    }
  }

  private func images(_ names: [String], _ classes: [String]) throws -> CIFARBinary {
    try CIFARBinary(
      files: names.map { name in
        let file = try contents(name)
        return isPickled ? try records(file) : file
      }, variety: variety, classes: classes)
  }

  private func names() throws -> [String] {
    let name = variety.nameFile(isPickled)
    let file = try contents(name)
    let names: [String]
    if isPickled {
      let pickle = try file.storage.withUnsafeBytes { try BytePickle($0, path: file.path) }
      guard let texts = pickle[variety == .cifar10 ? "label_names" : "fine_label_names"]?.texts else {
        throw DatasetError.malformed(path: file.path, reason: "it has no names of classes")
      }
      names = texts
    } else {
      let text = file.storage.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      names = text.split(whereSeparator: \.isNewline)
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.filter { !$0.isEmpty }
    }
    guard names.count == variety.classCount else {
      throw DatasetError.malformed(
        path: file.path, reason: "\(names.count) class names, not \(variety.classCount)")
    }
    // They are in the order of the labels, which is not sorted for every variety.
    return try ClassTree.classes(names, path: file.path)
  }

  /// A pickled batch as records of the binary format.
  private func records(_ file: MappedFile) throws -> MappedFile {
    func malformed(_ reason: String) -> DatasetError { .malformed(path: file.path, reason: reason) }
    let pickle = try file.storage.withUnsafeBytes { try BytePickle($0, path: file.path) }
    guard case .array(let shape, let pixels) = pickle["data"] else {
      throw malformed("it has no array 'data'")
    }
    let key = variety == .cifar10 ? "labels" : "fine_labels"
    guard let labels = pickle[key]?.integers else { throw malformed("it has no list '\(key)'") }
    let planes = 3 * CIFARBinary.planeBytes
    guard shape == [labels.count, planes] else {
      throw malformed("'data' is \(shape), not [\(labels.count), \(planes)] as its labels say")
    }
    let bytes = variety.recordBytes
    let storage = try TensorStorage(byteCount: max(labels.count * bytes, 1)) { memory in
      for (record, label) in labels.enumerated() {
        guard let byte = UInt8(exactly: label) else { throw malformed("record \(record) has label \(label)") }
        let start = record * bytes
        memory[start] = 0
        memory[start + variety.labelBytes - 1] = byte
        for index in 0..<planes {
          memory[start + variety.labelBytes + index] = pixels[record * planes + index]
        }
      }
    }
    guard !labels.isEmpty else { throw DatasetError.noImages(path: file.path) }
    return MappedFile(path: file.path, storage: storage)
  }
}
