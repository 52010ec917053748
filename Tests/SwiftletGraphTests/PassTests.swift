// PassTests.swift: passes keep the meaning of seeded random networks; differentiation keeps the chain rule.

import SwiftletGraph
import TestSupport
import Testing

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
    let parameters = try Parameters(initializing: graph, seed: 3)
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

    // The same for each parameter; a float32 parameter may be given in Doubles, or the step would be lost in rounding.
    let byName = Dictionary(uniqueKeysWithValues: zip(differentiated.outputs.map(\.name), gradients))
    for spec in network.graph.parameters where spec.role.isTrainable && spec.name != "unused" {
      let start = try #require(network.parameters[spec.name]).doubles()
      func loss(_ element: Int, _ step: Double) throws -> Double {
        var values = start
        values[element] += step
        var parameters = network.parameters
        parameters[spec.name] = try Tensor(shape: spec.shape, scalarType: .float64, rounding: values)
        let results = try ReferencePlan(network.graph, parameters: parameters).run([network.input])
        return zip(results[0].values, output.values).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let numeric = try start.indices.map { (try loss($0, 1e-5) - loss($0, -1e-5)) / 2e-5 }
      let analytic = try #require(byName["gradient.\(spec.name)"])
      let worst = disagreement(analytic.values, numeric, absolute: 1e-6, relative: 1e-5)
      #expect(worst == nil, "seed \(seed), \(spec.name): \(worst.map(String.init(describing:)) ?? "")")
    }
  }

  /// A chain of 16,000 nodes takes a tenth of a second. A copy of the graph for each node would take twenty seconds, so the
  /// bound is far from both, however busy the machine is.
  @Test func differentiationIsLinear() throws {
    let count = 16_000
    var builder = GraphBuilder(name: "chain")
    var x = builder.input("x", TensorType([1, 1, 1, 2]))
    for index in 0..<count { x = try builder.apply(Activation(.silu), x, label: "node\(index)") }
    builder.output("y", x)
    let graph = try builder.finish()
    let start = ContinuousClock.now
    let backward = try graph.differentiated(inputs: ["x"])
    let time = ContinuousClock.now - start
    #expect(backward.nodes.count == 2 * count)
    #expect(time < .seconds(3), "\(time)")
    print("differentiationIsLinear: \(count) nodes in \(time)")
  }
}
