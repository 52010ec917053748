// ZipTree.swift: the files in a zip archive, read without unpacking it.

import SwiftletCore
import SwiftletFormats
import Synchronization

/// The files in a zip archive.
final class ZipTree: FileTree {
  let path: String
  let files: [TreeFile]
  let emptyFolders: [[String]]
  let junk: [String: Int]
  private let entries: [ZipArchive.Entry]
  /// libzip's handles are for one thread at a time.
  private let archive: Mutex<ZipArchive>

  /// Lists an archive.
  ///
  /// - Throws: ``FormatError`` where the archive is broken.
  init(_ path: String) throws {
    let opened = try ZipArchive(MappedFile(contentsOf: path))
    let all = opened.entries
    self.path = path
    archive = Mutex(opened)
    var listing = ArchiveListing()
    var chosen: [(TreeFile, ZipArchive.Entry)] = []
    for entry in all {
      if let file = listing.file(entry.name, byteCount: entry.byteCount) { chosen.append((file, entry)) }
    }
    chosen.sort { ClassTree.precedes($0.0.path, $1.0.path) }
    files = chosen.map(\.0)
    entries = chosen.map(\.1)
    emptyFolders = listing.emptyFolders
    junk = listing.junk
  }

  func head(_ file: Int) throws -> [UInt8] {
    try archive.withLock { try $0.head(entries[file], count: DataFileKind.headBytes) }
  }

  func contents(_ file: Int) throws -> MappedFile {
    MappedFile(
      path: fullPath(file), storage: try archive.withLock { try $0.read(entries[file]) })
  }

  func image(_ file: Int) throws -> RGBImage {
    // The bytes are read one caller at a time; decoding, which takes longer, runs in parallel.
    let storage = try archive.withLock { try $0.read(entries[file]) }
    return try storage.withUnsafeBytes { try RGBImage(decoding: $0, name: fullPath(file)) }
  }
}

/// Names of an archive's entries as files and folders.
struct ArchiveListing {
  private var folders: Set<[String]> = []
  private var filled: Set<[String]> = []
  private(set) var junk: [String: Int] = [:]

  /// The file of an entry; `nil` for a folder, and for junk, which is counted.
  mutating func file(_ name: String, byteCount: Int) -> TreeFile? {
    // Archives of Windows have backslashes.
    let separated = name.contains("/") ? name : name.replacing("\\", with: "/")
    var names = separated.split(separator: "/").map(String.init).filter { $0 != "." }
    if let first = names.firstIndex(where: { JunkNames.contains($0) && $0 != ".." }) {
      if first == names.count - 1 || names[first] == "__MACOSX" {
        junk[ZipTree.junkName(names[first]), default: 0] += 1
      } else {
        junk[names[first], default: 0] += 1
      }
      return nil
    }
    names.removeAll { $0 == ".." }
    guard !names.isEmpty else { return nil }
    let isFolder = separated.hasSuffix("/")
    for depth in 1..<names.count where names.count > 1 { filled.insert(Array(names.prefix(depth))) }
    if isFolder {
      folders.insert(names)
      return nil
    }
    return TreeFile(names: names, byteCount: byteCount)
  }

  /// Folders that have an entry of their own and nothing in them.
  var emptyFolders: [[String]] { folders.subtracting(filled).sorted { $0.lexicographicallyPrecedes($1) } }
}
