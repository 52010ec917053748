// AtomicFile.swift: writing a file so that it is there whole or not at all.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes files whole or not at all: a reader, or a crash, never meets half a file.
package enum AtomicFile {
  /// Writes a text, as ``write(to:_:)`` does.
  ///
  /// - Throws: ``AtomicFileError`` naming the file and the cause.
  package static func write(_ text: String, to path: String) throws {
    try write(to: path) { append in try Array(text.utf8).withUnsafeBytes(append) }
  }

  /// Writes to a temporary file beside `path`, forces it to the disk, then puts it in the place of `path`.
  ///
  /// An existing file keeps its permissions; a symbolic link is followed. Where anything fails, whatever was
  /// at `path` is untouched and the temporary file is gone.
  ///
  /// ```swift
  /// try AtomicFile.write(to: path) { append in try append(header); try append(payload) }
  /// ```
  ///
  /// - Parameters:
  ///   - path: the file to create or replace.
  ///   - body: calls its argument with the bytes, in order, any number of times. Pieces are written as they
  ///     come; prefer large ones.
  /// - Throws: ``AtomicFileError`` naming the file and the cause, or an error of `body`.
  package static func write(
    to path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw AtomicFileError.invalidName(path: path)
    }
    let target = resolved(path)
    var permissions: mode_t?
    var status = stat()
    if stat(target, &status) == 0 {
      switch status.st_mode & S_IFMT {
      case S_IFREG: permissions = status.st_mode & 0o777
      case S_IFDIR: throw AtomicFileError.isFolder(path: path)
      default: throw AtomicFileError.notAFile(path: path)
      }
    } else if errno != ENOENT {
      throw AtomicFileError(code: errno, path: path)
    }
    if target.utf8.last == UInt8(ascii: "/") { throw AtomicFileError.isFolder(path: path) }

    let folder = target.lastIndex(of: "/").map { String(target[...$0]) } ?? "./"
    var random = SystemRandomNumberGenerator()
    let temporary = "\(folder).swiftlet-\(String(random.next(), radix: 16)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw AtomicFileError(code: errno, path: path) }
    var isOpen = true
    do {
      if let permissions, fchmod(descriptor, permissions) != 0 {
        throw AtomicFileError(code: errno, path: path)
      }
      try body { try append($0, to: descriptor, path: path) }
      guard fsync(descriptor) == 0 else { throw AtomicFileError(code: errno, path: path) }
      isOpen = false
      guard close(descriptor) == 0 else { throw AtomicFileError(code: errno, path: path) }
      guard rename(temporary, target) == 0 else { throw AtomicFileError(code: errno, path: path) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    // The name too should survive a power cut. Where a folder cannot be forced out, the file is still whole.
    let folderDescriptor = open(folder, O_RDONLY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  private static func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      // One call writes 2 GiB at most.
      let count = systemWrite(descriptor, base, min(rest.count, 1 << 30))
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if count == 0 {
        throw AtomicFileError(code: ENOSPC, path: path)
      } else if errno != EINTR {
        throw AtomicFileError(code: errno, path: path)
      }
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }

  /// The path behind a symbolic link; the path itself where it leads nowhere yet.
  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    // A trailing slash means a folder; it must not get lost.
    return String(cString: real) + (path.utf8.last == UInt8(ascii: "/") ? "/" : "")
  }
}

/// Why a file was not written.
package enum AtomicFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The folder does not exist.
  case noFolder(path: String)
  /// There is a folder of that name.
  case isFolder(path: String)
  /// There is a device, a pipe or a socket of that name.
  case notAFile(path: String)
  /// An empty name, or one with a NUL character.
  case invalidName(path: String)
  /// The folder may not be written to.
  case notPermitted(path: String)
  /// The disk, or the user's share of it, is full.
  case diskFull(path: String)
  /// Anything else, in the system's words.
  case failed(path: String, reason: String)

  /// The error of writing `path` for an `errno`.
  init(code: Int32, path: String) {
    switch code {
    case ENOENT, ENOTDIR: self = .noFolder(path: path)
    case EISDIR: self = .isFolder(path: path)
    case EACCES, EPERM, EROFS: self = .notPermitted(path: path)
    case ENOSPC, EDQUOT, EFBIG: self = .diskFull(path: path)
    default: self = .failed(path: path, reason: String(cString: strerror(code)))
    }
  }

  package var description: String {
    let (path, reason) =
      switch self {
      case .noFolder(let path): (path, "cannot write: its folder does not exist")
      case .isFolder(let path): (path, "cannot write: is a folder")
      case .notAFile(let path): (path, "cannot write: is a device or a pipe, not a file")
      case .invalidName(let path): (path, "cannot write: not a file name")
      case .notPermitted(let path): (path, "cannot write: no permission to write in its folder")
      case .diskFull(let path): (path, "cannot write: the disk is full")
      case .failed(let path, let reason): (path, "cannot write: \(reason)")
      }
    // One line, whatever the name holds.
    let text = "\(path): \(reason)"
    return String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 32 || $0 == 127 } == true ? "?" : $0 })
  }
}
