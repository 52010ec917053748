// PlanGoldenTests.swift: the plans of the zoo as text, so that a change of lowering, fusion or memory shows what it changes.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

/// Plans for an L2 of 1 MB: the same on every machine that has the instruction set. To accept a change, run the tests with
/// SWIFTLET_UPDATE_GOLDENS=1 and read the difference.
@Suite struct PlanGoldenTests {
  /// A way to compile, and the networks whose plans are kept for it.
  struct Variant: Sendable, CustomTestStringConvertible {
    let folder: String
    var set = InstructionSet.portable
    var threads = 1, batch = 1
    var selection = Selection()
    let names: [String]
    var testDescription: String { folder }
  }

  /// Every network below 30 million parameters; packing the larger ones would take minutes and shows nothing new.
  static let names = Zoo.entries.map(\.name).filter { name in
    ((try? Zoo.architecture(name).graph().parameterCount) ?? 0) < 30_000_000
  }

  static let variants: [Variant] = {
    let some = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "resnet18", "cifar_se_resnet20"]
    let zen5 = Selection.shipped(for: Processor(vendor: "AuthenticAMD", family: 26, model: 2))
    return [
      Variant(folder: "portable", names: names),
      Variant(folder: "avx2-zen5", set: .avx2, selection: zen5, names: some),
      Variant(folder: "avx512-zen5", set: .avx512, selection: zen5, names: some),
      Variant(folder: "portable-batch8-threads2", threads: 2, batch: 8, names: some),
    ]
  }()

  /// Those that this machine can compile; the others are named when the tests run.
  static let cases: [(variant: Variant, name: String)] = variants.flatMap { variant in
    if !variant.set.isAvailable {
      print("plans of \(variant.folder) are not compared: \(variant.set.rawValue) is not available here")
      return [(variant: Variant, name: String)]()
    }
    return variant.names.map { (variant, $0) }
  }

  static func plan(_ name: String, _ variant: Variant) throws -> CPUPlan {
    let graph = try Zoo.architecture(name).graph(batch: variant.batch)
    var parameters = Parameters()
    for spec in graph.parameters {
      parameters[spec.name] = try Tensor(
        shape: spec.shape, floats: [Float](repeating: 0.5, count: spec.shape.count))
    }
    var backend = CPUBackend(threads: variant.threads, instructionSet: variant.set)
    backend.caches = CacheSizes(level1: 32 << 10, level2: 1 << 20)
    backend.selection = variant.selection
    let plan = try backend.inferencePlan(graph, parameters: parameters)
    try plan.verify()
    return plan
  }

  @Test(arguments: cases)
  func plansAreAsTheyWere(variant: Variant, name: String) throws {
    let text = try Self.plan(name, variant).description
    let file = Files.golden("plans/\(variant.folder)/\(name).txt")
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
      \(variant.folder)/\(name), line \(line + 1) of the plan
      was: \(line < old.count ? old[line] : "(the end)")
      is:  \(line < new.count ? new[line] : "(the end)")
      """)
  }

  @Test func everyGoldenIsAPlanOfTheZoo() throws {
    for variant in Self.variants {
      let folder = Files.golden("plans/\(variant.folder)").path
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(Set(files) == Set(variant.names.map { "\($0).txt" }), "\(variant.folder)")
    }
    let folders = try FileManager.default.contentsOfDirectory(atPath: Files.golden("plans").path)
    #expect(Set(folders) == Set(Self.variants.map(\.folder)))
    #expect(Self.names.count >= 30)
  }
}
