// ZipArchive.swift: the entries of a zip archive in memory, by libzip, within limits that are checked first.
//
// Format: PKWARE's APPNOTE.TXT. Only stored and deflated entries are read; torch.save stores them all.

import CZip
import SwiftletCore

/// A zip archive over mapped bytes.
///
/// Opening refuses archives unlike any weight file: more than ``mostEntries`` entries, names that occur twice,
/// encryption, entries that share bytes of the file, and entries that claim to unpack to more than 16 MiB and
/// more than ``largestRatio`` times the file. So no entry is inflated beyond the limit for the file's own size.
package final class ZipArchive {
  /// An archive may have this many entries.
  static let mostEntries = 200_000
  /// All entries together may be this many times the size of the file.
  static let largestRatio = 16
  /// Below this many bytes unpacked the ratio is not looked at.
  static let harmlessBytes = 16 << 20

  /// One entry, as the archive's directory describes it.
  package struct Entry: Sendable {
    package let name: String
    package let byteCount: Int
    fileprivate let index: UInt64
  }

  /// The entries, in the archive's order.
  package let entries: [Entry]
  private let file: MappedFile
  private let archive: OpaquePointer
  private let indices: [ExactName: Int]

  /// Reads the directory of an archive.
  ///
  /// - Throws: ``FormatError``.
  package init(_ file: MappedFile) throws {
    try Self.checkDirectory(file)
    archive = try Self.open(file)
    self.file = file
    do {
      entries = try Self.entries(archive, file)
      var indices: [ExactName: Int] = [:]
      for (index, entry) in entries.enumerated() {
        guard indices.updateValue(index, forKey: ExactName(entry.name)) == nil else {
          let reason = "zip: the entry '\(FormatError.shortened(entry.name))' occurs twice"
          throw FormatError.malformed(file: file.path, reason: reason)
        }
      }
      self.indices = indices
    } catch {
      zip_discard(archive)
      throw error
    }
  }

  deinit { zip_discard(archive) }

  /// The entry of that name, or `nil`.
  func entry(_ name: String) -> Entry? { indices[ExactName(name)].map { entries[$0] } }

  /// Unpacks an entry.
  ///
  /// - Throws: ``FormatError`` where its size or its checksum differs from the directory's.
  package func read(_ entry: Entry) throws -> TensorStorage {
    guard let handle = zip_fopen_index(archive, entry.index, 0) else {
      throw failure(entry, String(cString: zip_strerror(archive)))
    }
    defer { zip_fclose(handle) }
    return try TensorStorage(byteCount: entry.byteCount) { memory in
      var position = 0
      while position < memory.count, let base = memory.baseAddress {
        let count = zip_fread(handle, base + position, UInt64(memory.count - position))
        guard count >= 0 else { throw failure(entry, String(cString: zip_file_strerror(handle))) }
        guard count > 0 else {
          throw failure(entry, "ends after \(position) bytes; the directory claims \(memory.count)")
        }
        position += Int(count)
      }
      // Reading on finds the end, where libzip compares the checksum.
      var beyond: UInt8 = 0
      let more = zip_fread(handle, &beyond, 1)
      guard more >= 0 else { throw failure(entry, String(cString: zip_file_strerror(handle))) }
      guard more == 0 else {
        throw failure(entry, "is longer than the \(memory.count) bytes that the directory claims")
      }
    }
  }

  /// Unpacks the first bytes of an entry, or all where it has fewer. The checksum is not compared.
  ///
  /// - Throws: ``FormatError`` where it cannot be unpacked.
  package func head(_ entry: Entry, count: Int) throws -> [UInt8] {
    guard let handle = zip_fopen_index(archive, entry.index, 0) else {
      throw failure(entry, String(cString: zip_strerror(archive)))
    }
    defer { zip_fclose(handle) }
    let wanted = min(max(count, 0), entry.byteCount)
    return try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      while filled < wanted, let base = buffer.baseAddress {
        let count = zip_fread(handle, base + filled, UInt64(wanted - filled))
        guard count >= 0 else { throw failure(entry, String(cString: zip_file_strerror(handle))) }
        if count == 0 { break }
        filled += Int(count)
      }
    }
  }

  private func failure(_ entry: Entry, _ reason: String) -> FormatError {
    .malformed(file: file.path, reason: "zip: the entry '\(FormatError.shortened(entry.name))': \(reason)")
  }

  // MARK: Opening

  private static func open(_ file: MappedFile) throws -> OpaquePointer {
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    func failure() -> FormatError {
      .malformed(file: file.path, reason: "zip: \(String(cString: zip_error_strerror(&error)))")
    }
    // The mapping outlives the archive: `file` is kept beside it.
    let (base, count) = file.storage.withUnsafeBytes { ($0.baseAddress, $0.count) }
    guard let source = zip_source_buffer_create(base, UInt64(count), 0, &error) else { throw failure() }
    guard let archive = zip_open_from_source(source, Int32(ZIP_RDONLY), &error) else {
      zip_source_free(source)
      throw failure()
    }
    return archive
  }

  private static func entries(_ archive: OpaquePointer, _ file: MappedFile) throws -> [Entry] {
    func malformed(_ reason: String) -> FormatError { .malformed(file: file.path, reason: "zip: \(reason)") }
    let count = zip_get_num_entries(archive, 0)
    guard count >= 0, count <= mostEntries else { throw tooMany(file) }
    var entries: [Entry] = []
    var packed: UInt64 = 0
    var unpacked: UInt64 = 0
    for index in 0..<UInt64(count) {
      var status = zip_stat_t()
      zip_stat_init(&status)
      guard zip_stat_index(archive, index, 0, &status) == 0, let pointer = status.name,
        status.valid & UInt64(ZIP_STAT_SIZE) != 0, status.valid & UInt64(ZIP_STAT_COMP_SIZE) != 0
      else { throw malformed("the entry \(index) cannot be read") }
      let name = String(cString: pointer)
      let shown = FormatError.shortened(name)
      if status.valid & UInt64(ZIP_STAT_ENCRYPTION_METHOD) != 0, status.encryption_method != 0 {
        throw FormatError.unsupported(file: file.path, reason: "zip: the entry '\(shown)' is encrypted")
      }
      let isStored = status.comp_method == 0
      guard isStored || status.comp_method == 8 else {
        let reason = "zip: the entry '\(shown)' is packed by method \(status.comp_method), which is not read"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
      guard !isStored || status.size == status.comp_size else {
        throw malformed(
          "the entry '\(shown)' is stored, but claims \(status.comp_size) bytes packed and \(status.size) not"
        )
      }
      guard status.comp_size <= UInt64(file.byteCount) else {
        throw malformed("the entry '\(shown)' claims \(status.comp_size) bytes, more than the file has")
      }
      // Neither sum can overflow: each addend is checked before, and there are few.
      packed += status.comp_size
      guard packed <= UInt64(file.byteCount) else {
        throw malformed("its entries claim more bytes than the file has, so some share them")
      }
      let (limit, overflow) = UInt64(file.byteCount).multipliedReportingOverflow(by: UInt64(largestRatio))
      let largest = max(overflow ? UInt64(Int.max) : limit, UInt64(harmlessBytes))
      guard status.size <= largest, unpacked + status.size <= largest, let size = Int(exactly: status.size)
      else {
        throw FormatError.overLimit(
          file: file.path,
          reason: "zip: its entries claim to unpack to more than \(largest) bytes, the limit for a file of "
            + "\(file.byteCount)")
      }
      unpacked += status.size
      entries.append(Entry(name: name, byteCount: size, index: index))
    }
    return entries
  }

  private static func tooMany(_ file: MappedFile) -> FormatError {
    .overLimit(file: file.path, reason: "zip: it claims more than \(mostEntries) entries")
  }

  /// Refuses a directory that claims absurdly many entries, for which libzip would make room at once.
  ///
  /// The end record has 16 bits for the number, which is harmless; the Zip64 record has 64. libzip looks for
  /// an end record within a comment's length of the end of the file, and a Zip64 record at the offset in the
  /// locator in front of it. So every place where libzip could find one is checked. The end records of an archive
  /// that is an entry of this one point to places where no record is.
  private static func checkDirectory(_ file: MappedFile) throws {
    try file.storage.withUnsafeBytes { bytes in
      func number<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
        T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
      }
      let endRecord: UInt32 = 0x0605_4B50
      let locator: UInt32 = 0x0706_4B50
      let locatorBytes = 20
      let longRecord: UInt32 = 0x0606_4B50
      let longRecordBytes = 56
      // An end record of 22 bytes, a comment of 65,535, and room for both being rounded up by libzip.
      let first = max(locatorBytes, bytes.count - (22 + 65_535 + 65_536))
      guard bytes.count >= locatorBytes + 22 else { return }
      for offset in first...(bytes.count - 22) where bytes[offset] == 0x50 {
        guard number(offset, UInt32.self) == endRecord,
          number(offset - locatorBytes, UInt32.self) == locator,
          let record = Int(exactly: number(offset - locatorBytes + 8, UInt64.self)),
          record <= bytes.count - longRecordBytes, number(record, UInt32.self) == longRecord
        else { continue }
        // Both counts, on this disk and in all: whichever libzip believes.
        guard number(record + 24, UInt64.self) <= UInt64(mostEntries),
          number(record + 32, UInt64.self) <= UInt64(mostEntries)
        else { throw tooMany(file) }
      }
    }
  }
}
