// PhotoSource.swift: the image of a name on the command line: a file, or the bytes of standard input.

import SwiftletModules

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Images by the names of the command line.
enum PhotoSource {
  /// Reads an image; a remark on it goes to standard error.
  ///
  /// - Parameter name: a file's name, or `-` for standard input.
  /// - Throws: ``VisionError`` naming the file, ``CommandError`` where a terminal should give an image.
  static func image(_ name: String) throws -> RGBImage {
    let file: ImageFile
    if let descriptor = descriptor(name) {
      file = try ImageFile(
        decoding: bytes(descriptor, name: shownName(name)), name: shownName(name))
    } else {
      file = try ImageFile(contentsOf: name)
    }
    if let warning = file.warning { Console.warn("warning: \(warning)") }
    return file.image
  }

  /// The open descriptor that a name stands for: `-`, `/dev/stdin`, and a shell's `<(command)`.
  static func descriptor(_ name: String) -> Int32? {
    if name == "-" || name == "/dev/stdin" { return STDIN_FILENO }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where name.hasPrefix(folder) {
      return Int32(name.dropFirst(folder.count)).flatMap { $0 >= 0 ? $0 : nil }
    }
    return nil
  }

  private static func shownName(_ name: String) -> String { name == "-" ? "standard input" : name }

  private static func bytes(_ descriptor: Int32, name: String) throws -> [UInt8] {
    guard isatty(descriptor) == 0 else {
      throw CommandError("\(name) is a terminal; 'swiftlet classify - < owl.jpg' gives it an image")
    }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= RGBImage.maximumFileBytes {
      let count = block.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw VisionError.unreadable(file: name, reason: String(cString: strerror(errno)))
      }
      guard count > 0 else { break }
      bytes += block[..<count]
    }
    return bytes
  }
}
