// Console.swift: standard output and standard error, written through to the end.

import SwiftletModules

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The output of a command.
enum Console {
  /// Writes a line to standard output.
  ///
  /// - Throws: ``CommandError`` where it cannot be written (a full disk), ``ReaderGone``.
  static func print(_ line: String) throws { try write(line + "\n", to: STDOUT_FILENO) }

  /// Writes a value as one line of JSON with sorted keys.
  ///
  /// - Throws: as ``print(_:)``.
  static func printJSON(_ value: some Encodable) throws {
    try print(try StableJSON.text(value))
  }

  /// Writes a line to standard error; an error in writing is ignored.
  static func warn(_ line: String) { try? write("swiftlet: \(line)\n", to: STDERR_FILENO) }

  /// Whether standard error is a terminal that can show a moving bar.
  static var hasTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether standard output is a terminal.
  static var printsToTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Columns of the terminal on standard error; 80 if unknown.
  static var columns: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  static func write(_ text: String, to descriptor: Int32) throws {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let written = bytes[done...].withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      // A reader that went away (`swiftlet models | head`) has read enough.
      if written < 0 && errno == EPIPE && descriptor == STDOUT_FILENO { throw ReaderGone() }
      guard written > 0 else {
        throw CommandError("cannot write the output: \(String(cString: strerror(errno)))")
      }
      done += written
    }
  }
}

/// The reader of standard output has closed its end.
struct ReaderGone: Error {}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
