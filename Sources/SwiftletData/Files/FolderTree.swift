// FolderTree.swift: the files below a folder on a disk.

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

/// The files below a folder. Links are followed; those that lead back up come to an end.
struct FolderTree: FileTree {
  let path: String
  private(set) var files: [TreeFile] = []
  private(set) var emptyFolders: [[String]] = []
  private(set) var junk: [String: Int] = [:]

  /// A folder may be reached by so many links.
  private static let mostVisits = 16

  /// Lists a folder.
  ///
  /// - Throws: ``DatasetError`` where it or a folder below it cannot be listed.
  init(_ path: String) throws {
    self.path = path
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    guard let identity = Identity(path) else {
      throw DatasetError.unreadable(path: path, reason: "it is not a folder")
    }
    var visits: [Identity: Int] = [:]
    try list(path, [], [identity], &visits)
    files.sort { ClassTree.precedes($0.path, $1.path) }
  }

  /// A folder on the disk, whatever links lead to it.
  private struct Identity: Hashable {
    let device: UInt64, node: UInt64

    init(_ status: stat) {
      device = UInt64(truncatingIfNeeded: status.st_dev)
      node = UInt64(truncatingIfNeeded: status.st_ino)
    }

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
      self.init(status)
    }
  }

  private mutating func list(
    _ folder: String, _ names: [String], _ ancestors: [Identity], _ visits: inout [Identity: Int]
  ) throws {
    let contents: [String]
    do {
      contents = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw DatasetError.unreadable(path: folder, reason: "no permission, or a broken disk")
    }
    if contents.isEmpty { emptyFolders.append(names) }
    for name in contents {
      guard !JunkNames.contains(name) else {
        junk[Self.junkName(name), default: 0] += 1
        continue
      }
      let child = ImageFolder.join(folder, name)
      var status = stat()
      guard stat(child, &status) == 0 else {
        // A link that leads nowhere.
        files.append(TreeFile(names: names + [name], byteCount: 1))
        continue
      }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        let identity = Identity(status)
        guard !ancestors.contains(identity), visits[identity, default: 0] < Self.mostVisits else { continue }
        visits[identity, default: 0] += 1
        try list(child, names + [name], ancestors + [identity], &visits)
      case S_IFREG: files.append(TreeFile(names: names + [name], byteCount: Int(status.st_size)))
      // Pipes and devices are not opened: that may wait for ever.
      default: files.append(TreeFile(names: names + [name], byteCount: 1))
      }
    }
  }

  func head(_ file: Int) throws -> [UInt8] { try Self.head(fullPath(file)) }

  /// The first bytes of a regular file.
  static func head(_ path: String) throws -> [UInt8] {
    let (descriptor, byteCount) = try openRegularFile(path)
    defer { close(descriptor) }
    let wanted = min(byteCount, DataFileKind.headBytes)
    return try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      while filled < wanted, let base = buffer.baseAddress {
        let count = read(descriptor, base + filled, wanted - filled)
        if count == 0 { break }
        if count > 0 {
          filled += count
        } else if errno != EINTR {
          throw FormatError.unreadable(file: path, reason: systemMessage(errno))
        }
      }
    }
  }

  func contents(_ file: Int) throws -> MappedFile { try MappedFile(contentsOf: fullPath(file)) }

  func image(_ file: Int) throws -> RGBImage { try RGBImage(contentsOf: fullPath(file)) }
}
