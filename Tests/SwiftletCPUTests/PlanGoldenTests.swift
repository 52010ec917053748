// PlanGoldenTests.swift: the plans of the zoo as text, so that a change of lowering, fusion or memory shows what it changes.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

/// Plans for the portable kernels on one thread: they are the same on every machine. To accept a change, run the tests with
/// SWIFTLET_UPDATE_GOLDENS=1 and read the difference.
@Suite struct PlanGoldenTests {
  /// Every network below 30 million parameters; packing the larger ones would take minutes and shows nothing new.
  static let names = Zoo.entries.map(\.name).filter { name in
    ((try? Zoo.architecture(name).graph().parameterCount) ?? 0) < 30_000_000
  }

  static func plan(_ name: String) throws -> CPUPlan {
    let graph = try Zoo.architecture(name).graph()
    var parameters = Parameters()
    for spec in graph.parameters {
      parameters[spec.name] = try Tensor(
        shape: spec.shape, floats: [Float](repeating: 0.5, count: spec.shape.count))
    }
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    return try CPUBackend(threads: 1, instructionSet: .portable).plan(folded, parameters: weights)
  }

  @Test(arguments: names)
  func plansAreAsTheyWere(name: String) throws {
    let text = try Self.plan(name).description
    let file = Files.golden("plans/\(name).txt")
    if ProcessInfo.processInfo.environment["SWIFTLET_UPDATE_GOLDENS"] == "1" {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let golden = try String(contentsOf: file, encoding: .utf8)
    if text == golden { return }
    let (new, old) = (text.split(separator: "\n"), golden.split(separator: "\n"))
    let line = zip(new, old).prefix { $0 == $1 }.count
    Issue.record(
      """
      \(name), line \(line + 1) of the plan
      was: \(line < old.count ? old[line] : "(the end)")
      is:  \(line < new.count ? new[line] : "(the end)")
      """)
  }

  @Test func everyGoldenIsAPlanOfTheZoo() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Files.golden("plans").path)
    #expect(Set(files) == Set(Self.names.map { "\($0).txt" }))
    #expect(Self.names.count >= 30)
  }
}
