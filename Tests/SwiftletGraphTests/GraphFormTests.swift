// GraphFormTests.swift: a graph for another batch, and in its training form, is the network that it was.

import SwiftletGraph
import TestSupport
import Testing

@Suite struct GraphFormTests {
  /// Image 0 and image 1 of a batch are what each gives alone.
  @Test(arguments: UInt64(40)..<60)
  func rebatchingKeepsEachImage(seed: UInt64) throws {
    let network = try RandomNetwork(seed: seed)
    let single = try network.graph.rebatched(to: 1)
    #expect(single.batch == 1)
    #expect(try single.rebatched(to: 2) == network.graph)
    let whole = try ReferencePlan(network.graph, parameters: network.parameters).run([network.input])
    let half = network.input.values.count / 2
    for image in 0..<2 {
      let x = HostTensor([1, 5, 6, 4], Array(network.input.values[(image * half)..<((image + 1) * half)]))
      let alone = try ReferencePlan(single, parameters: network.parameters).run([x])
      for (a, b) in zip(alone, whole) {
        let count = b.values.count / 2
        #expect(a.values == Array(b.values[(image * count)..<((image + 1) * count)]), "seed \(seed)")
      }
    }
  }

  @Test func reshapesOfComputedWeightsKeepTheirShape() throws {
    var builder = GraphBuilder(name: "computed weight")
    let x = builder.input("image", TensorType([2, 3, 3, 4]))
    let flat = try builder.parameter("weight", .linear, [4, 6])
    let weight = try builder.apply(Reshape([1, 1, 4, 6]), flat, label: "kernel")
    let y = try builder.apply(Convolution(window: Window(kernel: 1)), x, weight, label: "conv")
    builder.output("rows", try builder.apply(Reshape([2 * 9, 6]), y, label: "rows"))
    let graph = try builder.finish().rebatched(to: 5)
    #expect(graph.type(of: weight).shape == [1, 1, 4, 6])
    #expect(graph.type(of: graph.outputs[0].value).shape == [45, 6])
  }

  @Test func batchesThatDoNotExistAreRefused() throws {
    let graph = try RandomNetwork(seed: 1).graph
    #expect(throws: GraphError.self) { try graph.rebatched(to: 0) }
    #expect(throws: GraphError.self) { try graph.rebatched(to: 1 << 40) }
  }

  /// The training form of the inference graph computes what a graph built for training would.
  @Test func trainingFormUsesBatchStatistics() throws {
    func network(training: Bool) throws -> Graph {
      var builder = GraphBuilder(name: "norm")
      let x = builder.input("image", TensorType([4, 3, 3, 2]))
      let operands = [
        x, try builder.parameter("norm.scale", .normScale, [2]),
        try builder.parameter("norm.offset", .normOffset, [2]),
        try builder.parameter("norm.mean", .normMean, [2]),
        try builder.parameter("norm.variance", .normVariance, [2]),
      ]
      if training {
        let results = try builder.emit(
          BatchNormTraining(epsilon: 1e-3, momentum: 0.1), operands, label: "norm")
        builder.update("norm.mean", results[3])
        builder.update("norm.variance", results[4])
        builder.output("y", results[0])
      } else {
        builder.output("y", try builder.emit(BatchNorm(epsilon: 1e-3), operands, label: "norm")[0])
      }
      return try builder.finish()
    }
    let graph = try network(training: false)
    let parameters = try Parameters(initializing: graph, seed: 1)
    var generator = SeededGenerator(seed: 2)
    let x = HostTensor([4, 3, 3, 2], uniform: -1...3, using: &generator)
    let form = try graph.trainingForm()
    let expected = try ReferencePlan(try network(training: true), parameters: parameters).run([x])
    #expect(try ReferencePlan(form, parameters: parameters).run([x]) == expected)
    #expect(form.updates.map(\.name) == ["norm.mean", "norm.variance"])
    #expect(try graph.trainingForm { $0 == "norm" } == graph)
  }

  /// Two norms with the same statistics update them in turn.
  @Test func sharedStatisticsAreUpdatedInTurn() throws {
    var builder = GraphBuilder(name: "shared norm")
    let (a, b) = (builder.input("a", TensorType([4, 2])), builder.input("b", TensorType([4, 2])))
    let norm = [
      try builder.parameter("scale", .normScale, [2]), try builder.parameter("offset", .normOffset, [2]),
      try builder.parameter("mean", .normMean, [2]), try builder.parameter("variance", .normVariance, [2]),
    ]
    for (name, x) in [("first", a), ("second", b)] {
      builder.output(name, try builder.emit(BatchNorm(epsilon: 1e-3), [x] + norm, label: name)[0])
    }
    let graph = try builder.finish()
    let parameters = try Parameters(initializing: graph, seed: 1)
    let inputs = [
      HostTensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), HostTensor([4, 2], [2, 0, 2, 0, 2, 0, 6, 8]),
    ]
    let results = try ReferencePlan(try graph.trainingForm(), parameters: parameters).run(inputs)
    // mean: 0 → 0.1 · 4 → 0.9 · 0.4 + 0.1 · 3, and likewise for the second channel.
    let worst = disagreement(results[2].values, [0.66, 0.65], absolute: 1e-12, relative: 0)
    #expect(worst == nil)
  }
}
