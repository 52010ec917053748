// WinogradTests.swift: plans with Winograd's convolutions, against the definition and against plans without.

import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

@Suite struct WinogradTests {
  /// A random convolution 3 × 3 with stride 1, its shortcut and activation.
  private static func graph(_ seed: UInt64) throws -> (Graph, Parameters, HostTensor) {
    var generator = SeededGenerator(seed: seed, stream: "winograd")
    let (inputs, outputs) = (
      Int.random(in: 1...50, using: &generator), Int.random(in: 1...50, using: &generator)
    )
    let shape: Shape = [
      Int.random(in: 1...3, using: &generator), Int.random(in: 3...19, using: &generator),
      Int.random(in: 3...19, using: &generator), inputs,
    ]
    var builder = GraphBuilder(name: "convolution")
    let image = HostTensor(shape, uniform: -1...1, using: &generator)
    let weights = HostTensor([3, 3, inputs, outputs], uniform: -0.5...0.5, using: &generator)
    let bias = HostTensor([outputs], uniform: -0.5...0.5, using: &generator)
    let x = builder.input("x", image.type)
    let operands = [
      x, try builder.parameter("weight", .convolution, weights.shape),
      try builder.parameter("bias", .bias, bias.shape),
    ]
    let padding = Padding(seed % 4 == 0 ? 0 : 1)
    let window = Window(kernel: 3, stride: 1, padding: padding)
    var y = try builder.emit(Convolution(window: window, groups: 1), operands, label: "conv")[0]
    if inputs == outputs, padding == Padding(1) { y = try builder.emit(Add(), [y, x], label: "add")[0] }
    y = try builder.emit(Activation(.relu6), [y], label: "act")[0]
    builder.output("y", y)
    var parameters = Parameters()
    parameters["weight"] = try weights.tensor()
    parameters["bias"] = try bias.tensor()
    return (
      try builder.finish(), parameters,
      HostTensor(shape, image.values.map { Double(Float($0)) })
    )
  }

  @Test(arguments: UInt64(0)..<40)
  func convolutionsAreTheirDefinition(seed: UInt64) throws {
    let (graph, parameters, image) = try Self.graph(seed)
    let expected = try ReferencePlan(graph, parameters: parameters).run([image])[0]
    for set in availableSets {
      var answers: [[Float]] = []
      for threads in [1, 2, 3] {
        var backend = CPUBackend(threads: threads, instructionSet: set)
        backend.winograd = .always
        let plan = try backend.plan(graph, parameters: parameters)
        #expect(plan.stepNames.map(\.kind) == ["winograd"])
        var session = plan.makeCPUSession()
        for _ in 0..<2 { answers.append(try session.run([image.tensor()])[0].floats()) }
      }
      let worst = disagreement(answers[0].map(Double.init), expected.values, relativeToScale: 2e-5)
      #expect(worst == nil, "seed \(seed), \(set): \(worst.map(String.init(describing:)) ?? "")")
      for answer in answers.dropFirst() { #expect(answer == answers[0], "seed \(seed), \(set)") }
    }
  }

  @Test func networksUseItWhereItPays() throws {
    let graph = try Zoo.architecture("resnet18").graph()
    let (folded, parameters) = try graph.applying(
      [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 1))
    var backend = CPUBackend()
    // The rule by itself; what was measured differs between instruction sets.
    backend.selection = Selection()
    let kinds = try backend.plan(folded, parameters: parameters).stepNames.map(\.kind)
    // Two in each block but for those that begin a stage with stride 2; at 7 × 7 there are too few tiles.
    #expect(kinds.count { $0 == "winograd" } == 10)
    backend.winograd = .never
    #expect(try backend.plan(folded, parameters: parameters).stepNames.allSatisfy { $0.kind != "winograd" })
  }
}
