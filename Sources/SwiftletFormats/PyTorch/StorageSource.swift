// StorageSource.swift: the storages of a PyTorch checkpoint: entries of a zip archive, or parts of the
// old form's single file.

import SwiftletCore

/// Looks up the elements of storages by their keys.
protocol StorageSource {
  /// The bytes of a storage: `start` is where they begin in the result's storage.
  ///
  /// - Throws: `PickleError` where there is no such storage or it has another size; ``FormatError`` where it
  ///   cannot be unpacked.
  mutating func storage(_ record: StorageRecord) throws -> (storage: TensorStorage, start: Int)
}

extension StorageRecord {
  /// Bytes that all of the storage takes.
  func byteCount() throws -> Int {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementBytes)
    guard !overflow else { throw PickleError.malformed("its storage claims \(count) elements") }
    return bytes
  }
}

/// The storages of the zip form: the entry `<folder>/data/<key>` each. An entry is unpacked when the first
/// tensor reads it, and shared by the others.
struct ZipStorages: StorageSource {
  let archive: ZipArchive
  /// The folder that all entries are in, with its slash.
  let folder: String
  private var loaded: [ExactName: TensorStorage] = [:]

  init(archive: ZipArchive, folder: String) {
    self.archive = archive
    self.folder = folder
  }

  mutating func storage(_ record: StorageRecord) throws -> (storage: TensorStorage, start: Int) {
    let name = ExactName("\(folder)data/\(record.key)")
    guard let entry = archive.entry(name.text) else {
      throw PickleError.malformed("its storage '\(FormatError.shortened(record.key))' is missing")
    }
    guard entry.byteCount == (try record.byteCount()) else {
      throw PickleError.malformed(
        "its storage claims \(record.count) elements of \(record.elementBytes) bytes, but has "
          + "\(entry.byteCount) bytes")
    }
    if let storage = loaded[name] { return (storage, 0) }
    let storage = try archive.read(entry)
    loaded[name] = storage
    return (storage, 0)
  }
}

/// The storages of the old form, which follow the pickles: the number of elements in 8 bytes, then the
/// elements. Tensors lie over the mapped file.
struct LegacyStorages: StorageSource {
  private let file: MappedFile
  private let parts: [ExactName: (start: Int, count: Int, elementBytes: Int)]

  /// Finds the storages.
  ///
  /// - Parameters:
  ///   - file: the file.
  ///   - keys: the storages' keys, in the order in which they lie in the file.
  ///   - position: the offset of the first of them.
  ///   - records: their records in the pickle.
  init(_ file: MappedFile, keys: [String], from position: Int, records: [StorageRecord]) throws {
    var widths: [ExactName: (count: Int, elementBytes: Int)] = [:]
    for record in records {
      let described = (record.count, record.elementBytes)
      if let before = widths.updateValue(described, forKey: ExactName(record.key)), before != described {
        throw PickleError.malformed(
          "the storage '\(FormatError.shortened(record.key))' is described in two ways")
      }
    }
    var parts: [ExactName: (start: Int, count: Int, elementBytes: Int)] = [:]
    try file.storage.withUnsafeBytes { bytes in
      var stream = PickleStream(bytes, at: position)
      for key in keys {
        let shown = FormatError.shortened(key)
        guard let (count, width) = widths[ExactName(key)] else {
          throw PickleError.malformed("the storage '\(shown)' is listed, but no tensor says what it is")
        }
        let found = try stream.number(Int64.self)
        guard found == count else {
          throw PickleError.malformed("the storage '\(shown)' has \(found) elements, not \(count)")
        }
        let (size, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow, size <= bytes.count - stream.position else {
          throw PickleError.malformed("the storage '\(shown)' goes on beyond the end of the file")
        }
        let start = try stream.take(size).lowerBound
        guard parts.updateValue((start, count, width), forKey: ExactName(key)) == nil else {
          throw PickleError.malformed("the storage '\(shown)' is listed twice")
        }
      }
    }
    self.file = file
    self.parts = parts
  }

  mutating func storage(_ record: StorageRecord) throws -> (storage: TensorStorage, start: Int) {
    guard let part = parts[ExactName(record.key)] else {
      throw PickleError.malformed("its storage '\(FormatError.shortened(record.key))' is missing")
    }
    return (file.storage, part.start)
  }
}
