// BlockFusionTests.swift: fused blocks give the bits that their layers give one at a time.

import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

@Suite struct BlockFusionTests {
  /// A random block: kernel 3, 5 or 7, stride 1 or 2, odd sizes, channels that no vector divides, with or without expansion,
  /// gate and shortcut, under either padding.
  private static func block(_ seed: UInt64) throws -> (Graph, Parameters, HostTensor) {
    var generator = SeededGenerator(seed: seed, stream: "block")
    func pick<Choice>(_ choices: [Choice]) throws -> Choice {
      try #require(choices.randomElement(using: &generator))
    }
    let channels = Int.random(in: 3...21, using: &generator)
    let row = Row.mbconv(
      try pick([channels, channels + 5]), kernel: try pick([3, 5, 7]), stride: try pick([1, 2]),
      expand: .by(try pick([1, 2, 5])), squeeze: try pick([nil, nil, .mobileNetV3]),
      try pick([.relu6, .hardSwish, .relu]))
    let conventions = Conventions(try pick([.torchvision, .tensorflow]))
    let batch = try pick([1, 2])
    let shape: Shape = [
      batch, Int.random(in: 4...23, using: &generator), Int.random(in: 4...23, using: &generator), channels,
    ]
    let graph = try row.block.graph(input: shape, conventions: conventions)
    var parameters = Parameters()
    for spec in graph.parameters {
      let range: ClosedRange<Double> =
        spec.role == .normScale || spec.role == .normVariance ? 0.5...1.5 : -0.5...0.5
      parameters[spec.name] = try HostTensor(spec.shape, uniform: range, using: &generator).tensor()
    }
    let image = HostTensor(shape, uniform: -2...2, using: &generator)
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    return (folded, weights, HostTensor(shape, image.values.map { Double(Float($0)) }))
  }

  @Test(arguments: UInt64(0)..<60)
  func fusedBlocksAreTheirLayersToTheBit(seed: UInt64) throws {
    let (graph, parameters, image) = try Self.block(seed)
    let expected = try ReferencePlan(graph, parameters: parameters).run([image])[0]
    for set in availableSets {
      var answers: [[Float]] = []
      for (fusion, threads) in [(CPUBackend.Use.never, 1), (.always, 1), (.always, 2), (.always, 3)] {
        var backend = CPUBackend(threads: threads, instructionSet: set)
        backend.fusion = fusion
        let plan = try backend.plan(graph, parameters: parameters)
        let gated = graph.nodes.contains { $0.operation is ChannelScale }
        #expect(
          plan.stepNames.contains { $0.kind.contains("block") || $0.kind.contains("residual") }
            == (fusion == .always && !gated))
        var session = plan.makeCPUSession()
        for _ in 0..<2 { answers.append(try session.run([image.tensor()])[0].floats()) }
      }
      let worst = disagreement(answers[0].map(Double.init), expected.values, relativeToScale: 1e-5)
      #expect(worst == nil, "seed \(seed), \(set): \(worst.map(String.init(describing:)) ?? "")")
      for answer in answers.dropFirst() { #expect(answer == answers[0], "seed \(seed), \(set)") }
    }
  }

  @Test func fusionKeepsTheExpandedTensorOutOfMemory() throws {
    let graph = try Zoo.architecture("mobilenet_v2").graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 1))
    var backend = CPUBackend()
    #expect(try backend.plan(folded, parameters: parameters).activationBytes < 3_000_000)
    backend.fusion = .never
    #expect(try backend.plan(folded, parameters: parameters).activationBytes > 5_000_000)
  }
}
