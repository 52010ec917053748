// MachineTests.swift: what is found of the machine, and the rules and tables that follow it.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import Testing

@Suite struct MachineTests {
  @Test func cachesAreFound() {
    let caches = CacheSizes.current
    #expect((8 << 10...1 << 20).contains(caches.level1) && (128 << 10...64 << 20).contains(caches.level2))
    #expect(caches.level1 < caches.level2)
  }

  /// The system's own list of the processor's features, where there is one.
  @Test func featuresAreTheSystems() throws {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: {
        $0.hasPrefix("flags") || $0.hasPrefix("Features")
      })
    else { return }
    let flags = Set(line.split(whereSeparator: \.isWhitespace).map(String.init))
    let has512 = InstructionSet.avx512.isAvailable
    for (name, feature) in [
      ("avx512_vnni", ProcessorFeatures.avx512VNNI), ("avx_vnni", .avxVNNI), ("avx512_bf16", .avx512BF16),
      ("asimddp", .dotProduct), ("bf16", .armBF16),
    ] {
      let expected = flags.contains(name) && (has512 || !name.hasPrefix("avx512"))
      #expect(ProcessorFeatures.current.contains(feature) == expected, "\(name)")
    }
    #expect(!Processor.current.vendor.isEmpty || !InstructionSet.avx2.isAvailable)
  }

  @Test(arguments: [
    "avx512 block 112×112 16-96-24 kernel 3 stride 2", "avx2 block 56×56 128-128 kernel 3 stride 1",
    "portable winograd 14×14 256-256", "neon winograd 7×9 1-2",
  ])
  func keysAreReadAsTheyAreWritten(text: String) throws {
    let key = try #require(Selection.Key(text))
    #expect(key.description == text)
    let table = Selection([key: true])
    let read = try JSONDecoder().decode(Selection.self, from: JSONEncoder().encode(table))
    #expect(read == table)
  }

  @Test(arguments: [
    "", "avx512", "avx1024 winograd 14×14 256-256", "avx2 winograd 14x14 256-256", "avx2 winograd 14×14 256",
    "avx2 winograd 14×14 256-256 ", "avx2 winograd 014×14 256-256", "avx2 block 112×112 16 kernel 3 stride 2",
    "avx2 block 112×112 16-96-24 kernel 3 steps 2", "avx2 block 112×112 16-96-24 kernel 3",
  ])
  func otherTextsAreNoKeys(text: String) {
    #expect(Selection.Key(text) == nil)
    let json = Data(#"{"choices":{"\#(text)":true}}"#.utf8)
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(Selection.self, from: json) }
  }

  @Test func shippedTablesAreReadWholeAndOnlyWhereTheyWereMeasured() {
    #expect(Selection.shippedLines == Selection.shippedChoices && Selection.shippedLines > 50)
    let measured = Selection.shipped(for: Processor(vendor: "AuthenticAMD", family: 26, model: 2))
    #expect(measured.choices.count > 50)
    for other in [
      Processor(vendor: "AuthenticAMD", family: 25, model: 1),
      Processor(vendor: "GenuineIntel", family: 26, model: 2), Processor(vendor: "", family: 0, model: 0),
    ] { #expect(Selection.shipped(for: other) == Selection(), "\(other)") }
  }

  /// With a smaller second-level cache more blocks are fused, and their strips are smaller.
  @Test func smallerCachesFuseMore() throws {
    let graph = try Zoo.architecture("mobilenet_v2").graph()
    let parameters = try Parameters(initializing: graph, seed: 1)
    func fused(_ level2: Int) throws -> (blocks: Int, bytes: Int) {
      var backend = CPUBackend()
      backend.caches = CacheSizes(level1: 32 << 10, level2: level2)
      backend.selection = Selection()
      let plan = try backend.inferencePlan(graph, parameters: parameters)
      try plan.verify()
      return (plan.stepNames.count { $0.kind == "inverted residual" }, plan.activationBytes)
    }
    let (small, usual, huge) = (try fused(512 << 10), try fused(1 << 20), try fused(64 << 20))
    #expect(small.blocks > usual.blocks && usual.blocks > huge.blocks && huge.blocks == 0)
    #expect(small.bytes < usual.bytes)
  }

  @Test func tuningMeasuresEveryShapeBothWays() throws {
    let graph = try Zoo.architecture("cifar_resnet18").graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 1))
    let tuner = Tuner(instructionSet: .portable)
    let shapes = try tuner.shapes(folded, parameters)
    #expect(shapes.contains(.winograd(height: 16, width: 16, channels: 128, columns: 128)))
    let v2 = try Zoo.architecture("mobilenet_v2", ZooOptions(resolution: 64)).graph()
    let (small, weights) = try v2.applying([FoldBatchNorm()], to: Parameters(initializing: v2, seed: 1))
    let blocks = try tuner.shapes(small, weights)
    #expect(blocks.contains(.block(height: 32, width: 32, channels: [16, 96, 24], kernel: 3, stride: 2)))
    for shape in [try #require(shapes.last), try #require(blocks.first)] {
      let finding = try tuner.measure(shape, seconds: 0.01)
      #expect(finding.key == Selection.Key(.portable, shape))
      #expect(finding.plain > 0 && finding.other > 0 && finding.plain.isFinite && finding.other.isFinite)
    }
  }
}
