// Tuning.swift: the choices that `swiftlet tune` measured on this machine.

import SwiftletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The file of measured choices, in the folder of downloaded weights.
public enum Tuning {
  private static let name = "tuning.json"

  /// A file of choices that cannot be read.
  public struct DamagedFile: Error, Equatable, CustomStringConvertible {
    /// The file.
    public let path: String

    public var description: String {
      "\(path): not a table of choices; remove it, or measure again with 'swiftlet tune'"
    }
  }

  /// Where the file is, or will be.
  ///
  /// - Throws: ``PullError/noCacheFolder``.
  public static func path() throws -> String { try WeightCache.folder() + "/" + name }

  /// What ships, with what was measured here.
  ///
  /// - Throws: ``DamagedFile``.
  public static func selection() throws -> Selection {
    guard let path = try? path(), let data = FileManager.default.contents(atPath: path) else {
      return .shipped
    }
    guard let measured = try? JSONDecoder().decode(Selection.self, from: data) else {
      throw DamagedFile(path: path)
    }
    return .shipped.merging(measured)
  }

  /// Adds choices to the file, for every later run here.
  ///
  /// - Throws: ``PullError`` where there is no folder for it, ``AtomicFileError``, ``DamagedFile``.
  /// - Returns: the file's path.
  public static func save(_ selection: Selection) throws -> String {
    let path = try WeightCache.makeFolder() + "/" + name
    var all = selection
    if let data = FileManager.default.contents(atPath: path) {
      guard let old = try? JSONDecoder().decode(Selection.self, from: data) else {
        throw DamagedFile(path: path)
      }
      all = old.merging(selection)
    }
    let bytes = Array(try StableJSON.text(all, isIndented: true).utf8)
    try AtomicFile.write(to: path) { append in try bytes.withUnsafeBytes { try append($0) } }
    return path
  }

  /// Measures the shapes of a network with seeded random weights, on one thread.
  ///
  /// - Throws: ``ArchitectureError``, ``GraphError``, ``EnvironmentError``.
  public static func findings(_ architecture: Architecture) throws -> [Tuner.Finding] {
    let graph = try architecture.graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initialising: graph, seed: 1))
    return try Tuner(folded, parameters, instructionSet: InstructionSet.chosen()).findings()
  }
}
