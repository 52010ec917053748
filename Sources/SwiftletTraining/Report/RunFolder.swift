// RunFolder.swift: the folder a training run writes to: configuration, metrics, events, report.

import SwiftletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The output folder of a run.
///
/// Each file is there whole or not at all, so a killed run leaves the files of its last epoch:
///
/// | file | contents |
/// |---|---|
/// | `config.json` | the run's configuration |
/// | `metrics.csv` | a header, and one line an epoch |
/// | `steps.csv` | the smoothed loss and the learning rate, up to 300 lines |
/// | `events.out.tfevents.….swiftlet` | the same for TensorBoard (``EventFile``) |
/// | `test.json` | the figures of the best weights on the test part, where there is one (``TestRecord``) |
/// | `report.html` | one page that needs nothing else (``TrainingReport``) |
package struct RunFolder: Sendable, Equatable {
  /// The folder's path.
  package let path: String

  /// Opens the folder, and creates it and those above it where they are missing. Files in it stay.
  ///
  /// - Parameter path: the folder.
  /// - Throws: ``RunFolderError/notWritable(path:reason:)`` where it cannot be created or written to.
  package init(_ path: String) throws {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw RunFolderError.notWritable(path: path, reason: "not a folder name")
    }
    var length = path.utf8.count
    while length > 1, path.utf8.dropFirst(length - 1).first == UInt8(ascii: "/") { length -= 1 }
    self.path = String(decoding: path.utf8.prefix(length), as: UTF8.self)
    try Self.create(self.path)
    // Now, and not after the first epoch.
    guard access(self.path, W_OK | X_OK) == 0 else {
      throw RunFolderError.notWritable(path: self.path, reason: "no permission to write there")
    }
  }

  /// The file of that name in the folder.
  package func file(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

  /// Writes `config.json`: indented, keys sorted, so that two runs can be compared line by line.
  ///
  /// - Parameter value: the run's configuration. Numbers that JSON lacks become `"nan"`, `"inf"`, `"-inf"`.
  /// - Throws: `AtomicFileError`, or an encoding error of `value`.
  package func writeConfiguration(_ value: some Encodable) throws {
    let text = try StableJSON.text(value, isIndented: true, namesNonFinite: true)
    try write(Array((text + "\n").utf8), to: "config.json")
  }

  /// Writes `metrics.csv` anew from all epochs so far.
  ///
  /// - Parameter records: the epochs from the first on, in order.
  /// - Throws: `AtomicFileError`.
  package func writeMetrics(_ records: [EpochRecord]) throws {
    try write(Array(MetricsTable.text(records).utf8), to: "metrics.csv")
  }

  /// Writes `steps.csv`: the points of the curves over steps.
  ///
  /// - Throws: `AtomicFileError`.
  package func writeSteps(_ curve: [StepPoint]) throws {
    let lines = curve.map { "\($0.step),\($0.loss),\($0.learningRate)\n" }
    try write(Array(("step,loss,learningRate\n" + lines.joined()).utf8), to: "steps.csv")
  }

  /// Reads `metrics.csv` back, for a run that is resumed.
  ///
  /// - Returns: the epochs; none where there is no such file.
  /// - Throws: ``RunFolderError`` naming the file, and the line where one is malformed.
  package func readMetrics() throws -> [EpochRecord] {
    let name = file("metrics.csv")
    guard let bytes = try RunFolder.read(name) else { return [] }
    return try MetricsTable.records(String(decoding: bytes, as: UTF8.self), file: name)
  }

  /// Brings the events for TensorBoard up to these epochs.
  ///
  /// A run has one event file, also when it is resumed. Its contents are a function of the records, so that new epochs
  /// are appended, which a TensorBoard that watches the folder follows; a history that differs replaces the file.
  ///
  /// - Parameters:
  ///   - records: the epochs from the first on, in order.
  ///   - curve: points of the curves over steps, in order.
  /// - Throws: `AtomicFileError`, or ``RunFolderError`` where the folder cannot be read.
  package func writeEvents(_ records: [EpochRecord], curve: [StepPoint] = []) throws {
    let events = try EventFile.inFolder(path)
    try events.write(records, curve: curve, folder: self)
  }

  /// Writes `report.html`.
  ///
  /// - Throws: `AtomicFileError`.
  package func writeReport(_ report: TrainingReport) throws {
    try write(Array(report.html().utf8), to: "report.html")
  }

  /// Writes `test.json`: the figures of the test part.
  ///
  /// - Throws: `AtomicFileError`, or an encoding error.
  package func writeTest(_ record: TestRecord) throws {
    let text = try StableJSON.text(record, isIndented: true, namesNonFinite: true)
    try write(Array((text + "\n").utf8), to: "test.json")
  }

  func write(_ bytes: [UInt8], to name: String) throws {
    try AtomicFile.write(to: file(name)) { append in try bytes.withUnsafeBytes(append) }
  }

  /// The bytes of a regular file; `nil` where there is none.
  static func read(_ path: String, limit: Int = 256 << 20) throws -> [UInt8]? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw RunFolderError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw RunFolderError.unreadable(path: path, reason: "not a file")
    }
    guard status.st_size <= limit else {
      throw RunFolderError.unreadable(path: path, reason: "more than \(limit) bytes")
    }
    do {
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw RunFolderError.unreadable(path: path, reason: "cannot be read")
    }
  }

  /// `mkdir -p`.
  private static func create(_ path: String) throws {
    func isFolder(_ path: String) -> Bool {
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
    if isFolder(path) { return }
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    var partial = path.utf8.first == UInt8(ascii: "/") ? "/" : ""
    for part in parts {
      partial += partial.isEmpty || partial == "/" ? String(part) : "/\(part)"
      if mkdir(partial, 0o777) == 0 { continue }
      // Another call would replace it.
      let code = errno
      if isFolder(partial) { continue }
      let reason =
        switch code {
        case EEXIST, ENOTDIR: "\(partial) is a file, not a folder"
        case EACCES, EPERM: "no permission to create \(partial)"
        case EROFS: "the disk cannot be written to"
        case ENOSPC, EDQUOT: "the disk is full"
        default: String(cString: strerror(code))
        }
      throw RunFolderError.notWritable(path: path, reason: reason)
    }
  }
}

/// Errors of a run's folder. `description` is one line that names the file and the cause.
package enum RunFolderError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The folder cannot be created, or not be written to.
  case notWritable(path: String, reason: String)
  /// A file or folder that is there cannot be read.
  case unreadable(path: String, reason: String)
  /// A malformed line of `metrics.csv` (the first is 1).
  case malformed(path: String, line: Int, reason: String)

  package var description: String {
    let text =
      switch self {
      case .notWritable(let path, let reason): "\(path): cannot write the run's files: \(reason)"
      case .unreadable(let path, let reason): "\(path): cannot read: \(reason)"
      case .malformed(let path, let line, let reason): "\(path), line \(line): \(reason)"
      }
    return String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 32 || $0 == 127 } == true ? "?" : $0 })
  }
}
