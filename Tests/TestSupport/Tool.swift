// Tool.swift: runs the built command-line tool as a user would, and says what came of it.

import Foundation

/// What a run of the tool gave.
public struct ToolRun: Sendable, CustomStringConvertible {
  /// The exit status; 128 + the signal's number where it crashed.
  public let status: Int32
  /// What it wrote.
  public let output: String, errors: String

  /// A run of another program, such as a shell that runs the tool.
  public init(status: Int32, output: String, errors: String) {
    (self.status, self.output, self.errors) = (status, output, errors)
  }

  /// Runs a process with nothing to read, and waits for its end.
  public init(running process: Process) throws {
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // Errors are a line or two, far less than a pipe holds: reading the output first cannot block on them.
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let complaints = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let crashed = process.terminationReason == .uncaughtSignal
    self.init(
      status: crashed ? 128 + process.terminationStatus : process.terminationStatus,
      output: String(decoding: text, as: UTF8.self), errors: String(decoding: complaints, as: UTF8.self))
  }

  public var description: String { "status \(status)\n\(output)\(errors)" }

  /// The lines of standard output.
  public var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Whether it failed as bad input should: status 1, or 2 for a mistake on the command line, and a single line on standard error,
  /// that has all of `parts`.
  public func isCleanFailure(naming parts: String...) -> Bool {
    (status == 1 || status == 2) && errors.hasPrefix("swiftlet: error: ")
      && errors.filter(\.isNewline).count == 1
      && parts.allSatisfy { errors.contains($0) }
  }
}

/// The command-line tool that the tests were built with.
public enum Tool {
  /// The binary.
  public static let path: String = {
    let release = Files.root.appending(path: ".build/release/swiftlet").path
    let debug = Files.root.appending(path: ".build/debug/swiftlet").path
    return FileManager.default.isExecutableFile(atPath: release) ? release : debug
  }()

  /// Runs the tool.
  ///
  /// - Parameters:
  ///   - arguments: the command line.
  ///   - environment: variables to add; there is no cache of weights unless it is named here.
  ///   - megabytes: a limit on its address space, so that unbounded memory shows as a failure.
  ///   - folder: the working folder.
  public static func run(
    _ arguments: [String], environment: [String: String] = [:], limitedToMegabytes megabytes: Int? = nil,
    in folder: URL? = nil
  ) throws -> ToolRun {
    let process = Process()
    process.executableURL = URL(filePath: megabytes == nil ? path : "/bin/sh")
    process.arguments =
      (megabytes.map { ["-c", "ulimit -v \($0 * 1024); exec \"$0\" \"$@\"", path] } ?? []) + arguments
    process.environment = ProcessInfo.processInfo.environment
      .merging(["SWIFTLET_CACHE": "/nonexistent/swiftlet-cache"]) { $1 }.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = folder }
    return try ToolRun(running: process)
  }
}
