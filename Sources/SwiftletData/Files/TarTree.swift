// TarTree.swift: the files in a tar archive, compressed or not, by libarchive.

import CArchive
import SwiftletCore
import SwiftletFormats

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The files in a tar archive (`.tar`, `.tar.gz`, `.tgz`, `.tar.bz2`, `.tar.xz`, `.tar.zst`).
///
/// A compressed archive can only be read from its beginning, so its files are unpacked once, into one temporary file that
/// has no name and goes with the process.
final class TarTree: FileTree {
  /// The files together may be this many times the size of the archive, or ``harmlessBytes``.
  private static let largestRatio = 200
  private static let harmlessBytes = 256 << 20
  private static let mostEntries = 20_000_000

  let path: String
  let files: [TreeFile]
  let emptyFolders: [[String]]
  let junk: [String: Int]
  private let starts: [Int]
  private let unpacked: TensorStorage?

  /// Unpacks an archive.
  ///
  /// - Throws: ``DatasetError`` where it is broken, or unpacks to much more than its size suggests.
  init(_ path: String) throws {
    self.path = path
    let scratch = try ScratchFile(for: path)
    defer { scratch.close() }
    let reader = try TarReader(path)
    defer { reader.close() }
    let limit = max(
      Self.harmlessBytes, reader.byteCount.multipliedReportingOverflow(by: Self.largestRatio).partialValue)
    var listing = ArchiveListing()
    var found: [(file: TreeFile, start: Int)] = []
    var links: [(file: TreeFile, target: [String])] = []
    var position = 0
    var count = 0
    while let entry = try reader.next() {
      count += 1
      guard count <= Self.mostEntries else {
        throw DatasetError.malformed(path: path, reason: "more than \(Self.mostEntries) entries")
      }
      if let target = entry.target, let file = listing.file(entry.name, byteCount: 0) {
        links.append((file, target.names(from: file)))
        continue
      }
      guard entry.isFile || entry.isFolder else { continue }
      let name = entry.isFolder && !entry.name.hasSuffix("/") ? entry.name + "/" : entry.name
      guard let file = listing.file(name, byteCount: 0) else { continue }
      let start = position
      while let piece = try reader.read() {
        position += piece.count
        guard position <= limit else {
          throw DatasetError.malformed(
            path: path, reason: "its files unpack to more than \(limit) bytes, the limit for its size")
        }
        try scratch.write(piece)
      }
      found.append((TreeFile(names: file.names, byteCount: position - start), start))
    }
    let broken = Self.follow(links, &found)
    found.sort { ClassTree.precedes($0.file.path, $1.file.path) }
    files = found.map(\.file)
    starts = found.map(\.start)
    emptyFolders = listing.emptyFolders
    junk = listing.junk.merging(broken > 0 ? ["links to no file of the archive": broken] : [:]) { $1 }
    unpacked = position > 0 ? try scratch.mapped(byteCount: position) : nil
  }

  /// Adds the files that links stand for, and gives the number of links to no file. A link may be to another one.
  private static func follow(
    _ links: [(file: TreeFile, target: [String])], _ found: inout [(file: TreeFile, start: Int)]
  ) -> Int {
    var places: [[String]: (start: Int, byteCount: Int)] = [:]
    for (file, start) in found { places[file.names] = (start, file.byteCount) }
    var left = links
    var count = left.count + 1
    while left.count < count {
      count = left.count
      left.removeAll { link in
        guard let place = places[link.target] else { return false }
        found.append((TreeFile(names: link.file.names, byteCount: place.byteCount), place.start))
        places[link.file.names] = place
        return true
      }
    }
    return left.count
  }

  private func bytes<Result>(_ file: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
  {
    guard let unpacked, files[file].byteCount > 0 else {
      throw DatasetError.unreadable(path: fullPath(file), reason: "the file is empty")
    }
    return try unpacked.withUnsafeBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[starts[file]...].prefix(files[file].byteCount)))
    }
  }

  func head(_ file: Int) throws -> [UInt8] { try bytes(file) { Array($0.prefix(DataFileKind.headBytes)) } }

  func contents(_ file: Int) throws -> MappedFile {
    let storage = try bytes(file) { source in
      TensorStorage(byteCount: source.count) { $0.copyMemory(from: source) }
    }
    return MappedFile(path: fullPath(file), storage: storage)
  }

  func image(_ file: Int) throws -> RGBImage {
    try bytes(file) { try RGBImage(decoding: $0, name: fullPath(file)) }
  }
}

/// The target of a link in an archive.
private enum LinkTarget {
  /// Another path of the archive.
  case hard(String)
  /// A path from the link's folder.
  case symbolic(String)

  /// The names of its path in the archive; those of no file where it leads out of it.
  func names(from link: TreeFile) -> [String] {
    let (start, path): ([String], String) =
      switch self {
      case .hard(let path): ([], path)
      case .symbolic(let path): (path.hasPrefix("/") ? ["/"] : link.names.dropLast(), path)
      }
    return path.split(separator: "/").reduce(into: start) { names, part in
      if part == ".." {
        names = names.isEmpty ? ["/"] : names.dropLast()
      } else if part != "." {
        names.append(String(part))
      }
    }
  }
}

/// libarchive's reader.
private final class TarReader {
  let byteCount: Int
  private let path: String
  private let archive: OpaquePointer
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)

  init(_ path: String) throws {
    let (descriptor, byteCount) = try openRegularFile(path)
    Self.closeFile(descriptor)
    guard let archive = archive_read_new() else {
      throw DatasetError.unreadable(path: path, reason: "out of memory")
    }
    self.path = path
    self.byteCount = byteCount
    self.archive = archive
    for support in [
      archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
      archive_read_support_filter_zstd, archive_read_support_format_tar,
    ] { _ = support(archive) }
    guard archive_read_open_filename(archive, path, 1 << 18) == ARCHIVE_OK else {
      let failure = failure
      close()
      throw failure
    }
  }

  private static func closeFile(_ descriptor: Int32) {
    #if canImport(Darwin)
      _ = Darwin.close(descriptor)
    #elseif canImport(Glibc)
      _ = Glibc.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #endif
  }

  func close() {
    archive_read_free(archive)
    buffer.deallocate()
  }

  private var failure: DatasetError {
    let message = archive_error_string(archive).map { String(cString: $0) } ?? "it cannot be read"
    return .malformed(path: path, reason: "tar: \(message)")
  }

  /// The next entry, or `nil` at the end.
  func next() throws -> (name: String, isFile: Bool, isFolder: Bool, target: LinkTarget?)? {
    var entry: OpaquePointer?
    let status = archive_read_next_header(archive, &entry)
    if status == ARCHIVE_EOF { return nil }
    // A warning is about a name or a date.
    guard status == ARCHIVE_OK || status == ARCHIVE_WARN else { throw failure }
    let type = UInt32(archive_entry_filetype(entry))
    // Names that are no UTF-8 have no such form.
    let text = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)
    var target: LinkTarget?
    if let path = archive_entry_hardlink_utf8(entry) ?? archive_entry_hardlink(entry) {
      target = .hard(String(cString: path))
    } else if type == 0o120000, let path = archive_entry_symlink_utf8(entry) ?? archive_entry_symlink(entry) {
      target = .symbolic(String(cString: path))
    }
    // The type of a regular file and of a folder, as of stat(2).
    return (text.map { String(cString: $0) } ?? "", type == 0o100000, type == 0o040000, target)
  }

  /// Further bytes of the entry; `nil` at its end.
  func read() throws -> UnsafeRawBufferPointer? {
    let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
    guard count >= 0 else { throw failure }
    return count == 0 ? nil : UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])
  }
}

/// A temporary file without a name.
private final class ScratchFile {
  private var descriptor: Int32
  private let path: String

  init(for path: String) throws {
    self.path = path
    var name = Array(FileManager.default.temporaryDirectory.path.utf8CString.dropLast())
    name += Array("/swiftlet-XXXXXX".utf8CString)
    descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw failure(errno) }
    unlink(name)
  }

  private func failure(_ code: Int32) -> DatasetError {
    .unreadable(
      path: path,
      reason: "it has to be unpacked into \(FileManager.default.temporaryDirectory.path): "
        + (code == ENOSPC ? "the disk is full" : systemMessage(code)))
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      #if canImport(Darwin)
        let count = Darwin.write(descriptor, base + done, bytes.count - done)
      #elseif canImport(Glibc)
        let count = Glibc.write(descriptor, base + done, bytes.count - done)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, base + done, bytes.count - done)
      #endif
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure(errno) }
      done += count
    }
  }

  /// The file's bytes. The mapping stays when the file is closed.
  func mapped(byteCount: Int) throws -> TensorStorage {
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      UInt(bitPattern: address) != UInt.max
    else { throw failure(errno) }
    return TensorStorage(adopting: UnsafeRawBufferPointer(start: address, count: byteCount)) { bytes in
      munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
  }

  func close() {
    #if canImport(Darwin)
      _ = Darwin.close(descriptor)
    #elseif canImport(Glibc)
      _ = Glibc.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #endif
  }
}
