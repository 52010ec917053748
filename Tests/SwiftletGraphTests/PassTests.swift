// PassTests.swift: passes keep the meaning of seeded random networks; differentiation keeps the chain rule.

import SwiftletGraph
import TestSupport
import Testing

/// A random little network: convolutions of all kinds with or without bias and norm, gates, branches that meet.
struct RandomNetwork {
  let graph: Graph
  let parameters: Parameters
  let input: HostTensor

  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed, stream: "network")
    var builder = GraphBuilder(name: "random \(seed)")
    var x = builder.input("x", TensorType([2, 5, 6, 4]))
    for layer in 0..<5 {
      x = try builder.scope("layer\(layer)") { builder in
        try Self.addLayer(x, &builder, &generator)
      }
    }
    let unused = try builder.parameter("unused", .bias, [4])
    _ = try builder.apply(Activation(.sigmoid), unused, label: "dead")
    builder.output("features", x)
    builder.output("pooled", try builder.apply(GlobalAveragePool(), x, label: "pool"))
    graph = try builder.finish()
    var parameters = Parameters()
    for spec in graph.parameters {
      let range: ClosedRange<Double> =
        spec.role == .normVariance || spec.role == .normScale ? 0.5...1.5 : -0.5...0.5
      parameters[spec.name] = try HostTensor(spec.shape, uniform: range, using: &generator).tensor()
    }
    self.parameters = parameters
    input = HostTensor([2, 5, 6, 4], uniform: -1...1, using: &generator)
  }

  private static func addLayer(
    _ x: Value, _ builder: inout GraphBuilder, _ generator: inout SeededGenerator
  ) throws -> Value {
    let window = Window(kernel: 3, padding: Padding(1))
    let kind = Int.random(in: 0..<4, using: &generator)
    let weight: Value
    switch kind {
    case 0: weight = try builder.parameter("weight", .depthwise, [3, 3, 4])
    case 1: weight = try builder.parameter("weight", .convolution, [3, 3, 2, 4])
    default: weight = try builder.parameter("weight", .convolution, [3, 3, 4, 4])
    }
    var operands = [x, weight]
    if Bool.random(using: &generator) { operands.append(try builder.parameter("bias", .bias, [4])) }
    var y =
      kind == 0
      ? try builder.emit(DepthwiseConvolution(window: window), operands, label: "conv")[0]
      : try builder.emit(Convolution(window: window, groups: kind == 1 ? 2 : 1), operands, label: "conv")[0]
    let raw = y
    if Int.random(in: 0..<4, using: &generator) > 0 {
      var norm = [y]
      norm.append(try builder.parameter("scale", .normScale, [4]))
      norm.append(try builder.parameter("offset", .normOffset, [4]))
      norm.append(try builder.parameter("mean", .normMean, [4]))
      norm.append(try builder.parameter("variance", .normVariance, [4]))
      y = try builder.emit(BatchNorm(epsilon: 1e-3), norm, label: "norm")[0]
    }
    y = try builder.apply(Activation(.hardSwish), y, label: "act")
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: return try builder.apply(Add(), x, y, label: "shortcut")
    case 1:
      // A second reader of the convolution: its norm must then stay.
      let gate = try builder.apply(GlobalAveragePool(), raw, label: "squeeze")
      return try builder.apply(ChannelScale(), y, gate, label: "gate")
    default: return y
    }
  }
}

@Suite struct PassTests {
  @Test(arguments: UInt64(0)..<25)
  func foldingKeepsTheMeaning(seed: UInt64) throws {
    let network = try RandomNetwork(seed: seed)
    let (graph, parameters) = try network.graph.applying([FoldBatchNorm()], to: network.parameters)
    let before = try ReferencePlan(network.graph, parameters: network.parameters).run([network.input])
    let after = try ReferencePlan(graph, parameters: parameters).run([network.input])
    for (a, b) in zip(after, before) {
      let worst = disagreement(a.values, b.values, relativeToScale: 1e-6)
      #expect(worst == nil, "seed \(seed): \(worst.map(String.init(describing:)) ?? "")")
    }
    #expect(!graph.parameters.contains { $0.name == "unused" })
    #expect(parameters["unused"] == nil)
  }

  @Test func foldingRemovesEveryNormOfAPlainChain() throws {
    let graph = try smallNetwork()
    let parameters = try Parameters(initialising: graph, seed: 3)
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    #expect(folded.nodes.map(\.label) == ["stem", "stem.activation", "pool", "classifier"])
    #expect(folded.parameters.map(\.name) == ["stem.weight", "classifier.weight", "stem.bias"])
    #expect(Set(weights.names) == Set(folded.parameters.map(\.name)))
  }

  @Test func deadNodesGoAndLiveOnesStay() throws {
    let network = try RandomNetwork(seed: 1)
    let (graph, parameters) = try network.graph.applying([EliminateDeadNodes()], to: network.parameters)
    #expect(graph.nodes.count == network.graph.nodes.count - 1)
    #expect(parameters.names.count == network.parameters.names.count - 1)
    let before = try ReferencePlan(network.graph, parameters: network.parameters).run([network.input])
    #expect(try ReferencePlan(graph, parameters: parameters).run([network.input]) == before)
  }

  /// The parameter gradients of whole random networks, where values have several readers, against differences.
  @Test(arguments: UInt64(30)..<36)
  func networkGradientsAreCentralDifferences(seed: UInt64) throws {
    let network = try RandomNetwork(seed: seed)
    let differentiated = try network.graph.differentiated(of: "features", inputs: ["x"])
    var generator = SeededGenerator(seed: seed, stream: "seed")
    let output = HostTensor(
      network.graph.type(of: network.graph.outputs[0].value).shape, uniform: -1...1, using: &generator)
    let forward = try ReferencePlan(network.graph, parameters: network.parameters)
    func loss(_ input: HostTensor) throws -> Double {
      zip(try forward.run([input])[0].values, output.values).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let gradients = try ReferencePlan(differentiated, parameters: network.parameters)
      .run([network.input, output])
    let expectedNames = network.graph.parameters
      .filter { $0.role.isTrainable && $0.name != "unused" }.map { "gradient.\($0.name)" }
    #expect(Array(differentiated.outputs.map(\.name).dropFirst(2).dropLast()) == expectedNames)
    let numeric = try network.input.values.indices.map { element in
      var (up, down) = (network.input, network.input)
      up.values[element] += 1e-5
      down.values[element] -= 1e-5
      return (try loss(up) - loss(down)) / 2e-5
    }
    let analytic = try #require(gradients.last)
    let worst = disagreement(analytic.values, numeric, absolute: 1e-6, relative: 1e-5)
    #expect(worst == nil, "seed \(seed): \(worst.map(String.init(describing:)) ?? "")")
  }
}
