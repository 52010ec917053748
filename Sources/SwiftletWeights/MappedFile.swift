// MappedFile.swift: a file as memory that never needs to be read as a whole.

import SwiftletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A regular file mapped into memory, read-only. Pages come from the disk when they are first touched.
///
/// Tensors over ``storage`` keep the mapping alive. As with any mapping, the file must not change while it is
/// in use: the behavior when another program truncates or overwrites it is undefined, and touching a page
/// that is gone ends the process. (Replacing a file by renaming, as ``SafetensorsFile`` does, is safe.)
package struct MappedFile: Sendable {
  /// The path that was opened.
  package let path: String
  /// The bytes of the file.
  package let storage: TensorStorage

  /// The size of the file.
  package var byteCount: Int { storage.byteCount }

  /// Bytes that are in memory already, as if `path` held them.
  package init(path: String, storage: TensorStorage) {
    self.path = path
    self.storage = storage
  }

  /// Maps a file.
  ///
  /// - Parameter path: a regular file that is not empty, or a symbolic link to one.
  /// - Throws: ``FormatError/unreadable(file:reason:)`` where it is missing, not permitted, a folder, a pipe
  ///   or a device, empty, or cannot be mapped.
  package init(contentsOf path: String) throws {
    self.path = path
    let (descriptor, byteCount) = try openRegularFile(path)
    defer { close(descriptor) }
    guard byteCount > 0 else { throw FormatError.unreadable(file: path, reason: "the file is empty") }
    // Where it fails, mmap returns the address −1.
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      UInt(bitPattern: address) != UInt.max
    else {
      throw FormatError.unreadable(file: path, reason: systemMessage(errno))
    }
    storage = TensorStorage(adopting: UnsafeRawBufferPointer(start: address, count: byteCount)) { bytes in
      munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
  }
}

/// Opens a regular file for reading; the caller closes the descriptor.
///
/// - Throws: ``FormatError/unreadable(file:reason:)``. A pipe without a writer is refused, not waited for.
package func openRegularFile(_ path: String) throws -> (descriptor: Int32, byteCount: Int) {
  guard !path.isEmpty, !path.utf8.contains(0) else {
    throw FormatError.unreadable(file: path, reason: "not a file name")
  }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw FormatError.unreadable(file: path, reason: openingMessage(errno)) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else {
    let reason = systemMessage(errno)
    close(descriptor)
    throw FormatError.unreadable(file: path, reason: reason)
  }
  let reason: String
  switch status.st_mode & S_IFMT {
  case S_IFREG: return (descriptor, Int(status.st_size))
  case S_IFDIR: reason = "is a folder"
  case S_IFIFO: reason = "is a pipe, not a file"
  default: reason = "is a device or a socket, not a file"
  }
  close(descriptor)
  throw FormatError.unreadable(file: path, reason: reason)
}

private func openingMessage(_ code: Int32) -> String {
  switch code {
  case ENOENT, ENOTDIR: "no such file"
  case EACCES, EPERM: "no permission"
  case ENXIO: "is a device or a socket, not a file"
  default: systemMessage(code)
  }
}

/// The system's words for an `errno`.
package func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
