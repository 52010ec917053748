// HeadTests.swift: taps, heads of other packages and networks with several outputs: built, stored, folded, run, trained.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

/// A head in the manner of a detector: scores and boxes from two feature maps, and logits of the whole image.
private struct TwoMaps: HeadDefinition {
  static let name = "twoMaps"
  var path: String
  var anchors = 2

  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> [NetworkOutput] {
    var (scores, boxes): ([Value], [Value]) = ([], [])
    for (index, map) in [try network.tap(path), x].enumerated() {
      let (height, width) = (network.shape(map)[1], network.shape(map)[2])
      let batch = network.shape(map)[0]
      let channels = anchors * (network.classes + 4)
      let y = try network.convolution(
        map, "detector.\(index)", channels: channels, kernel: 3, activation: nil, normalized: false,
        hasBias: true)
      let count = anchors * network.classes
      let own = try network.slice(y, from: 0, count: count)
      // The rows of all maps stand behind each other where each image is one row of channels.
      scores.append(try network.reshape(own, [batch, height * width * count]))
      let rest = try network.slice(y, from: count, count: 4 * anchors)
      boxes.append(try network.reshape(rest, [batch, height * width * anchors * 4]))
    }
    let pooled = try network.globalPool(try network.averagePool(x, kernel: 2, stride: 1))
    let logits = try network.linear(pooled, "classifier", units: network.classes)
    let joined = try network.concatenate(scores)
    let rows = network.shape(joined).count / network.classes
    let probabilities = try network.softmax(try network.reshape(joined, [rows, network.classes]))
    return [
      NetworkOutput(PortName.logits, logits),
      NetworkOutput(
        "scores",
        try network.reshape(
          probabilities, [network.shape(x)[0], rows / network.shape(x)[0], network.classes])),
      NetworkOutput("boxes", try network.concatenate(boxes)),
    ]
  }

  func check() throws { try BlockLimits.check("twoMaps: anchors", anchors, 1...16) }
}

/// A head that nobody registers.
private struct Forgotten: HeadDefinition {
  static let name = "forgotten"
  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> [NetworkOutput] {
    [NetworkOutput("map", x)]
  }
}

@Suite struct HeadTests {
  private func architecture(taps: [String] = []) -> Architecture {
    var architecture = TinyRun.architecture
    architecture.taps = taps
    return architecture
  }

  private func detector() -> Architecture {
    Architecture(
      "detector", stem: TinyRun.architecture.stem, stages: TinyRun.architecture.stages,
      head: TwoMaps(path: "stages.1.0.expand"), classes: 3, resolution: 8)
  }

  /// The graph's outputs by its definition, and on the engine with its norms folded.
  private func run(_ graph: Graph) throws -> (reference: [[Double]], engine: [[Double]]) {
    var generator = SeededGenerator(seed: 3)
    var parameters = try Parameters(initializing: graph, seed: 5)
    for spec in graph.parameters where [.normMean, .normOffset, .bias].contains(spec.role) {
      parameters[spec.name] = try HostTensor(spec.shape, uniform: -0.5...0.5, using: &generator).tensor()
    }
    let shape = graph.type(of: graph.inputs[0].value).shape
    let image = try HostTensor(shape, uniform: -1...1, using: &generator).tensor()
    var session = try ReferencePlan(graph, parameters: parameters).makeSession()
    let reference = try session.run([image]).map { $0.doubles() }
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    var fast = try CPUBackend(threads: 2).compile(folded, parameters: weights).makeSession()
    return (reference, try fast.run([image]).map { $0.doubles() })
  }

  @Test func tapsAreTheResultsOfTheirLayers() throws {
    // A path, and the operation whose result it is: after norm and activation, or the block's last.
    let taps = [
      "stem.0": "stem.0.activation", "stages.0.0.expand": "stages.0.0.expand.activation",
      "stages.0.0.depthwise": "stages.0.0.depthwise.activation",
      "stages.0.0.squeeze": "stages.0.0.squeeze.scale", "stages.0.0.project": "stages.0.0.project.norm",
      "stages.0.0": "stages.0.0.add", "stages.0": "stages.0.0.add",
      "stages.1.0.expand.norm": "stages.1.0.expand.norm", "stages.1": "stages.1.0.project.norm",
    ]
    let paths = taps.keys.sorted()
    let graph = try architecture(taps: paths).graph(batch: 2)
    #expect(graph.outputs.map(\.name) == ["logits"] + paths)
    let plain = try architecture().graph(batch: 2)
    #expect(plain.nodes.map(\.label) == graph.nodes.map(\.label) && plain.outputs.count == 1)
    for port in graph.outputs.dropFirst() {
      let node = try #require(graph.nodes.first { $0.label == taps[port.name] }, "\(port.name)")
      #expect(node.outputs.first == port.value, "\(port.name)")
    }
    let (reference, engine) = try run(graph)
    for (index, port) in graph.outputs.enumerated() {
      let worst = disagreement(engine[index], reference[index], relativeToScale: 1e-4)
      #expect(worst == nil, "\(port.name): \(String(describing: worst))")
    }
  }

  @Test func unknownTapsAreRefused() throws {
    for path in ["stages.9", "stages.0.0.exp", "", "logits", "stages.0.0.expand.activation.x"] {
      #expect(throws: ArchitectureError.unknownTap(path, network: "tiny")) {
        try architecture(taps: [path]).graph()
      }
    }
    #expect(throws: GraphError.self) { try architecture(taps: ["stem.0", "stem.0"]).graph() }
    #expect(throws: ArchitectureError.tooManyTaps(1001, most: 1000)) {
      try architecture(taps: (0...1000).map { "\($0)" }).check()
    }
  }

  @Test func aTappedNetworkTrainsToTheSameBits() throws {
    let plain = try TinyRun.trainer().run()
    let tapped = try TinyRun.trainer(architecture: architecture(taps: ["stages.0", "stages.1.0.expand"]))
      .run()
    #expect(areIdentical(plain.parameters, tapped.parameters))
    #expect(plain.evaluation == tapped.evaluation && plain.gates == tapped.gates)
    // On the engine, whose fused steps must not depend on who else could read a value.
    let network = try architecture(taps: ["stages.0"]).graph(batch: 2, mode: .training)
    let step = try TrainingStep(network, StepOptions(optimizer: .sgd(momentum: 0)))
    #expect(step.graph.outputs.map(\.name) == ["loss", "logits", "gradientNorm"])
  }

  @Test func filesWithoutTapsStayAsTheyWere() throws {
    let text = String(
      decoding: try JSONEncoder().encode(try Zoo.architecture("mobilenet_v3_small")), as: UTF8.self)
    #expect(!text.contains("taps") && !text.contains("attributes\":{\"features"))
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let head = try #require(json["head"] as? [String: Any])
    #expect(
      Set(head.keys) == ["activation", "dropout", "features", "featuresScaling", "hidden", "pool"])
    let tapped = architecture(taps: ["stages.0"])
    #expect(try JSONDecoder().decode(Architecture.self, from: JSONEncoder().encode(tapped)) == tapped)
    #expect(tapped != architecture())
  }

  @Test func aHeadOfAnotherPackage() throws {
    let detector = detector()
    let graph = try detector.graph(batch: 2)
    #expect(graph.outputs.map(\.name) == ["logits", "scores", "boxes"])
    // Maps of 4×4 and 2×2 with two anchors each.
    #expect(graph.outputs.map { graph.type(of: $0.value).shape } == [[2, 3], [2, 40, 3], [2, 160]])
    let (reference, engine) = try run(graph)
    for index in graph.outputs.indices {
      #expect(disagreement(engine[index], reference[index], relativeToScale: 1e-4) == nil)
    }
    #expect((0..<80).allSatisfy { abs(reference[1][(3 * $0)..<(3 * $0 + 3)].reduce(0, +) - 1) < 1e-6 })

    // The table has a row for the head, and its sums are the network's.
    let summary = try detector.summary()
    #expect(summary.rows.last?.operator == "twoMaps" && summary.rows.last?.output == [1, 3])
    #expect(summary.parameters == summary.rows.reduce(0) { $0 + $1.parameters })
    #expect(summary.multiplyAdds == summary.rows.reduce(0) { $0 + $1.multiplyAdds })

    // Stored by name, once it is registered.
    var unregistered = detector
    unregistered.head = Forgotten()
    #expect(throws: ArchitectureError.unknownHead("forgotten")) { try JSONEncoder().encode(unregistered) }
    HeadCatalogue.register(TwoMaps.self)
    let data = try JSONEncoder().encode(detector)
    #expect(try JSONDecoder().decode(Architecture.self, from: data) == detector)
    let unknown = String(decoding: data, as: UTF8.self).replacing("twoMaps", with: "threeMaps")
    #expect(throws: ArchitectureError.unknownHead("threeMaps")) {
      try JSONDecoder().decode(Architecture.self, from: Data(unknown.utf8))
    }
    var senseless = detector
    senseless.head = TwoMaps(path: "stages.0", anchors: 0)
    #expect(throws: ArchitectureError.self) { try senseless.graph() }
  }

  /// A task reads the outputs that it names; the others are not a part of the step.
  @Test func aNetworkOfSeveralOutputsTrains() throws {
    HeadCatalogue.register(TwoMaps.self)
    try Files.withScratch { folder in
      let recipe = TinyRun.recipe(epochs: 2)
      let trainer = try TinyRun.trainer(recipe, architecture: detector(), folder: folder)
      let result = try trainer.run()
      let evaluation = try #require(result.evaluation)
      #expect(evaluation.count == 9)
      // What no loss reads keeps its weights.
      let start = trainer.parameters["detector.0.weight"]?.floats()
      #expect(result.parameters["detector.0.weight"]?.floats() == start)
      #expect(
        result.parameters["classifier.weight"]?.floats() != trainer.parameters["classifier.weight"]?.floats())
      let again = try TinyRun.trainer(recipe, architecture: detector(), folder: folder) { $0.resumes = true }
        .run()
      #expect(areIdentical(again.parameters, result.parameters))
      let frozen = try TinyRun.trainer(recipe, architecture: detector(), freeze: .backbone).run()
      #expect(frozen.parameters["stem.0.weight"]?.floats() == trainer.parameters["stem.0.weight"]?.floats())
    }
  }
}
