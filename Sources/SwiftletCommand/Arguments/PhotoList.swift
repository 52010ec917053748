// PhotoList.swift: files and folders on the command line as a list of images.

import SwiftletModules

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Images that a command line names.
struct PhotoList {
  /// The files, as they are named or found.
  private(set) var files: [String] = []
  /// Files in folders that are no images, by kind.
  private var leftOut: [FileKind: Int] = [:]
  /// Folders that were listed, so that links that lead back up come to an end.
  private var visited: Set<Identity> = []

  /// Lists each file as it is, and the images of each folder and of those below it. Entries of a folder are in the order of the
  /// bytes of their names. The first bytes of a file decide whether it is an image. What file managers, cameras' cards and network
  /// drives leave behind is ignored; other files that are left out are counted by kind, in one line on standard error.
  ///
  /// - Throws: ``CommandError`` where a folder cannot be read or has no image.
  init(_ arguments: [String]) throws {
    for argument in arguments {
      guard PhotoSource.descriptor(argument) == nil, let identity = Identity(argument) else {
        files.append(argument)
        continue
      }
      let count = files.count
      let others = leftOut
      visited = []
      try add(folder: argument, identity)
      guard files.count > count else {
        let kinds = leftOut.filter { $0.value != others[$0.key] }
        let found = kinds.isEmpty ? "" : ": " + Self.text(of: kinds)
        throw CommandError("\(argument): the folder has no images\(found)")
      }
    }
    let total = leftOut.values.reduce(0, +)
    if total > 0 {
      Console.warn("\(total) file\(total == 1 ? "" : "s") left out: \(Self.text(of: leftOut))")
    }
  }

  /// A folder on the disk, whatever links lead to it.
  private struct Identity: Hashable {
    let device: UInt64, node: UInt64

    init?(_ path: String) {
      var status = stat()
      guard stat(FileName.bytes(of: path), &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        return nil
      }
      device = UInt64(truncatingIfNeeded: status.st_dev)
      node = UInt64(truncatingIfNeeded: status.st_ino)
    }
  }

  private mutating func add(folder: String, _ identity: Identity) throws {
    guard visited.insert(identity).inserted else { return }
    for name in try Self.names(in: folder) where !Self.isJunk(name) {
      let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
      if let identity = Identity(path) {
        try add(folder: path, identity)
      } else if let kind = Self.otherKind(path) {
        leftOut[kind, default: 0] += 1
      } else {
        files.append(path)
      }
    }
  }

  /// The entries of a folder, in the order of their bytes.
  private static func names(in folder: String) throws -> [String] {
    guard let directory = opendir(FileName.bytes(of: folder)) else {
      throw CommandError("\(folder): the folder cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { closedir(directory) }
    var names: [[UInt8]] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }.map(FileName.string)
  }

  /// Names that file managers, archivers, cameras' cards and network drives leave behind, in small letters.
  private static let junk: Set = [
    "__macosx", "@eadir", "$recycle.bin", "recycler", "lost+found", "__pycache__",
    "system volume information",
    "#recycle", "#snapshot", "@recycle", "@tmp", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
  ]

  private static func isJunk(_ name: String) -> Bool {
    name.hasPrefix(".") || junk.contains(name.lowercased())
  }

  /// The kind of a file that is left out; `nil` for an image.
  private static func otherKind(_ path: String) -> FileKind? {
    switch FileHead(path) {
    case .bytes(let head):
      guard let format = ImageFormat(recognizing: head) else {
        return FileKind(recognizing: head) ?? FileKind("file of an unknown kind")
      }
      return format.isDecoded
        ? nil : FileKind("\(format.rawValue) image (this build has no \(format.trait) support)")
    case .special: return FileKind("device or pipe")
    case .missing: return FileKind("broken link")
    case .refused: return FileKind("file without permission")
    }
  }

  /// Kinds with their numbers, the most frequent first.
  private static func text(of kinds: [FileKind: Int]) -> String {
    kinds.sorted { $0.value == $1.value ? $0.key.noun < $1.key.noun : $0.value > $1.value }
      .map { $0.key.noun.counted($0.value) }.joined(separator: ", ")
  }
}

/// The first bytes of a file, or why there are none.
private enum FileHead {
  case bytes([UInt8])
  case special, missing, refused

  init(_ path: String) {
    let name = FileName.bytes(of: path)
    var status = stat()
    guard stat(name, &status) == 0 else {
      self = errno == EACCES ? .refused : .missing
      return
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      self = .special
      return
    }
    let descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      self = .refused
      return
    }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: FileKind.headBytes)
    let count = head.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    self = count < 0 ? .refused : .bytes(Array(head.prefix(count)))
  }
}
