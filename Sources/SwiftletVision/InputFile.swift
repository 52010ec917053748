// InputFile.swift: reading a whole file without being made to wait or to swallow the machine's memory.

import SwiftletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum InputFile {
  /// Why a file was not read.
  enum Failure: Error {
    case unreadable(String)
    case tooLarge(bytes: Int)
  }

  /// The bytes of a regular file. Folders, pipes and devices are refused before they are opened: opening a
  /// pipe may wait for ever.
  static func read(_ path: String, maximumBytes: Int) throws(Failure) -> [UInt8] {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw .unreadable("not a file name") }
    let path = FileName.bytes(of: path)
    var status = stat()
    guard stat(path, &status) == 0 else { throw .unreadable(reason(errno)) }
    try check(status, maximumBytes)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw .unreadable(reason(errno)) }
    defer { close(descriptor) }
    // Again, for the file that was opened.
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(reason(errno)) }
    let size = try check(status, maximumBytes)

    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size, let base = buffer.baseAddress {
        #if canImport(Glibc)
          let count = Glibc.read(descriptor, base + filled, size - filled)
        #elseif canImport(Musl)
          let count = Musl.read(descriptor, base + filled, size - filled)
        #else
          let count = Darwin.read(descriptor, base + filled, size - filled)
        #endif
        if count > 0 {
          filled += count
        } else if count == 0 {
          break
        } else if errno != EINTR {
          code = errno
          break
        }
      }
    }
    guard code == 0 else { throw .unreadable(reason(code)) }
    return bytes
  }

  @discardableResult
  private static func check(_ status: stat, _ maximumBytes: Int) throws(Failure) -> Int {
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .unreadable("is a folder, not a file")
    default: throw .unreadable("is a pipe or a device, not a file")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw .unreadable("the file is empty") }
    guard size <= maximumBytes else { throw .tooLarge(bytes: size) }
    return size
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT, ENOTDIR: "no such file"
    case EACCES, EPERM: "no permission to read it"
    case ELOOP: "too many symbolic links"
    case ENAMETOOLONG: "the file name is too long"
    default: String(cString: strerror(code))
    }
  }
}
