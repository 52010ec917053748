// FileTree.swift: the files below a folder or in an archive, without those that systems leave behind.

import SwiftletCore
import SwiftletFormats
import Synchronization

/// A file of a data set.
struct TreeFile: Sendable {
  /// The names of the folders below the root, and the file's own.
  let names: [String]
  /// Its size.
  let byteCount: Int

  var name: String { names.last ?? "" }
  /// Its path below the root.
  var path: String { names.joined(separator: "/") }
}

/// The files below a root, in the order of the bytes of their paths.
protocol FileTree: Sendable {
  /// The folder or the archive.
  var path: String { get }
  /// All regular files but junk.
  var files: [TreeFile] { get }
  /// Folders in which nothing is.
  var emptyFolders: [[String]] { get }
  /// Names of systems' and tools' own files and folders that were passed over, with how many there are of each.
  var junk: [String: Int] { get }
  /// The first bytes of a file, ``DataFileKind/headBytes`` of them or all.
  func head(_ file: Int) throws -> [UInt8]
  /// All bytes of a file.
  func contents(_ file: Int) throws -> MappedFile
  /// Decodes a file.
  func image(_ file: Int) throws -> RGBImage
}

extension FileTree {
  /// A file's path with the root's.
  func fullPath(_ file: Int) -> String { ImageFolder.join(path, files[file].path) }

  /// The kind of each file.
  func kinds() -> [DataFileKind] {
    let count = files.count
    let kinds = Mutex([DataFileKind](repeating: .image, count: count))
    let run = 64
    // Opening files is waiting for a disk, more than computing.
    ThreadPool(count: count > 256 ? 8 : 1).forEach((count + run - 1) / run) { piece in
      let range = (piece * run)..<min(count, (piece + 1) * run)
      let found = range.map { index in
        let file = files[index]
        guard file.byteCount > 0 else { return DataFileKind(head: [], byteCount: 0, name: file.name) }
        guard let head = try? head(index) else { return DataFileKind.unreadable(file.name) }
        return DataFileKind(head: head, byteCount: file.byteCount, name: file.name)
      }
      kinds.withLock { $0.replaceSubrange(range, with: found) }
    }
    return kinds.withLock { $0 }
  }

  /// The junk in words: `@eaDir, .DS_Store (3)`; empty where there is none.
  var junkText: String {
    junk.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { $0.value > 1 ? "\($0.key) (\($0.value))" : $0.key }.joined(separator: ", ")
  }

  /// `path`'s junk is counted by its name, files named `._x` as one kind.
  static func junkName(_ name: String) -> String { name.hasPrefix("._") ? "._*" : name }
}
