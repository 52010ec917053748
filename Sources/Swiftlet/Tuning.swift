// Tuning.swift: the choices that `swiftlet tune` measured on this machine.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

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

  /// The file's path, whether it is there or not.
  ///
  /// - Throws: ``PullError/noCacheFolder``.
  public static func path() throws -> String { try WeightCache.folder() + "/" + name }

  /// The shipped choices for this processor, merged with the measured ones. The tool reads them; the library's engines take them as
  /// an argument.
  ///
  /// - Throws: ``DamagedFile``.
  public static func selection() throws -> Selection {
    guard let path = try? path(), let data = FileManager.default.contents(atPath: path) else {
      return .shipped()
    }
    guard let measured = try? JSONDecoder().decode(Selection.self, from: data) else {
      throw DamagedFile(path: path)
    }
    return .shipped().merging(measured)
  }

  /// Adds choices to the file, for every later run here.
  ///
  /// - Throws: ``PullError`` where there is no folder for it, `AtomicFileError`, ``DamagedFile``.
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

  /// Measures the shapes of some networks, on one thread.
  ///
  /// - Parameters:
  ///   - networks: the networks whose shapes are measured.
  ///   - seconds: for all shapes together.
  ///   - instructionSet: the instruction set of the kernels.
  /// - Throws: ``ArchitectureError``, ``GraphError``, ``PlanError``.
  package static func findings(
    _ networks: [NetworkDefinition], seconds: Double, instructionSet: InstructionSet = .best
  ) throws -> [Tuner.Finding] {
    let tuner = Tuner(instructionSet: instructionSet)
    var shapes: Set<StepShape> = []
    for network in networks {
      let graph = try network.graph()
      var parameters = Parameters()
      for spec in graph.parameters {
        parameters[spec.name] = try Tensor(shape: spec.shape, writingFloats: { _ in })
      }
      let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
      shapes.formUnion(try tuner.shapes(folded, weights))
    }
    let each = seconds / Double(max(shapes.count, 1))
    return try shapes.map { try tuner.measure($0, seconds: each) }.sorted { $0.key < $1.key }
  }
}
