// GraphTests.swift: the IR: building, verifying, printing, storing, running.

import Foundation
import SwiftletGraph
import TestSupport
import Testing

/// conv 3×3 → batch norm → ReLU → global pool → linear, on 1×4×4×2.
func smallNetwork() throws -> Graph {
  var builder = GraphBuilder(name: "small")
  let x = builder.input("image", TensorType([1, 4, 4, 2]))
  let y = try builder.scope("stem") { builder in
    let w = try builder.parameter("weight", .convolution, [3, 3, 2, 3])
    let conv = try builder.apply(Convolution(window: Window(kernel: 3, padding: Padding(1))), x, w, label: "")
    let norm = try builder.scope("norm") { builder in
      let scale = try builder.parameter("scale", .normScale, [3])
      let offset = try builder.parameter("offset", .normOffset, [3])
      let mean = try builder.parameter("mean", .normMean, [3])
      let variance = try builder.parameter("variance", .normVariance, [3])
      return try builder.apply(
        BatchNorm(epsilon: 1e-3), conv, scale, offset, mean, variance, label: "")
    }
    return try builder.apply(Activation(.relu), norm, label: "activation")
  }
  let pooled = try builder.apply(GlobalAveragePool(), y, label: "pool")
  let w = try builder.parameter("classifier.weight", .linear, [3, 2])
  builder.output("logits", try builder.apply(Linear(), pooled, w, label: "classifier"))
  return try builder.finish()
}

@Suite struct GraphTests {
  @Test func theDumpSaysEverything() throws {
    #expect(
      try smallNetwork().description == """
        graph small
          %0: f32[1,4,4,2] = input image
          %1: f32[3,3,2,3] = parameter stem.weight (convolution)
          %3: f32[3] = parameter stem.norm.scale (normScale)
          %4: f32[3] = parameter stem.norm.offset (normOffset)
          %5: f32[3] = parameter stem.norm.mean (normMean)
          %6: f32[3] = parameter stem.norm.variance (normVariance)
          %10: f32[3,2] = parameter classifier.weight (linear)
          %2: f32[1,4,4,3] = convolution(%0, %1) {groups:1,window:{kernel:3,padding:{bottom:1,left:1,right:1,top:1},stride:1}}  # stem
          %7: f32[1,4,4,3] = batchNorm(%2, %3, %4, %5, %6) {epsilon:0.001}  # stem.norm
          %8: f32[1,4,4,3] = activation(%7) {function:relu}  # stem.activation
          %9: f32[1,3] = globalAveragePool(%8)  # pool
          %11: f32[1,2] = linear(%9, %10)  # classifier
          output logits = %11

        """)
  }

  @Test func costsAndCounts() throws {
    let graph = try smallNetwork()
    #expect(graph.parameterCount == 9 * 2 * 3 + 3 + 3 + 6)
    #expect(graph.multiplyAdds == 16 * 9 * 2 * 3 + 3 * 2)
    let conv = graph.cost(of: graph.nodes[0])
    #expect(conv.parameters == 54 && conv.bytesMoved == 4 * (32 + 54 + 48))
    // The norm's input and output are alive together: 2 × 48 floats.
    #expect(graph.peakActivationBytes == 4 * 2 * 48)
  }

  @Test func aGraphSurvivesEncoding() throws {
    let graph = try smallNetwork()
    let data = try JSONEncoder().encode(graph)
    #expect(try JSONDecoder().decode(Graph.self, from: data).description == graph.description)
  }

  @Test func unsoundFilesAreRefused() throws {
    let json = String(decoding: try JSONEncoder().encode(smallNetwork()), as: UTF8.self)
    let unknown = json.replacingOccurrences(of: "globalAveragePool", with: "launchMissiles")
    #expect(throws: GraphError.unknownOperation("launchMissiles")) {
      try JSONDecoder().decode(Graph.self, from: Data(unknown.utf8))
    }
    let cyclic = json.replacingOccurrences(of: "{\"id\":8}", with: "{\"id\":11}")
    #expect(throws: GraphError.self) { try JSONDecoder().decode(Graph.self, from: Data(cyclic.utf8)) }
    let huge = json.replacingOccurrences(of: "\"stride\":1", with: "\"stride\":0")
    #expect(throws: GraphError.self) { try JSONDecoder().decode(Graph.self, from: Data(huge.utf8)) }
  }

  @Test func shapeErrorsNameTheNodeAndBothShapes() throws {
    var builder = GraphBuilder(name: "bad")
    let x = builder.input("x", TensorType([1, 4, 4, 2]))
    let w = try builder.parameter("w", .convolution, [3, 3, 5, 8])
    #expect(
      throws: GraphError.invalidOperation(
        node: "stage.conv", operation: "convolution",
        reason: "input 1×4×4×2 in 1 groups does not fit kernel 3×3×5×8")
    ) {
      try builder.scope("stage") { builder in
        try builder.apply(Convolution(window: Window(kernel: 3)), x, w, label: "conv")
      }
    }
    #expect(throws: GraphError.duplicateName("w")) { try builder.parameter("w", .bias, [1]) }
  }

  @Test func runsCheckTheirInputsAndWeights() throws {
    let graph = try smallNetwork()
    var parameters = try Parameters(initializing: graph, seed: 1)
    let plan = try ReferenceBackend().compile(graph, parameters: parameters)
    var session = plan.makeSession()
    let image = try Tensor(shape: [1, 4, 4, 2], floats: [Float](repeating: 1, count: 32))
    #expect(try session.run([image])[0].shape == [1, 2])
    #expect(throws: GraphError.self) { try session.run([image.reshaped([1, 4, 2, 4])]) }
    #expect(throws: GraphError.self) { try session.run([]) }
    parameters["stem.weight"] = image
    parameters["classifier.weight"] = nil
    #expect(
      throws: ParametersError(
        network: "small",
        problems: [
          .init(name: "stem.weight", expected: [3, 3, 2, 3], found: [1, 4, 4, 2]),
          .init(name: "classifier.weight", expected: [3, 2], found: nil),
        ])
    ) { try ReferencePlan(graph, parameters: parameters) }
  }

  @Test func startingValuesAreSeeded() throws {
    let graph = try smallNetwork()
    let (a, b) = (try Parameters(initializing: graph, seed: 1), try Parameters(initializing: graph, seed: 1))
    let c = try Parameters(initializing: graph, seed: 2)
    #expect(a["stem.weight"]?.floats() == b["stem.weight"]?.floats())
    #expect(a["stem.weight"]?.floats() != c["stem.weight"]?.floats())
    #expect(a["stem.norm.variance"]?.floats() == [1, 1, 1])
  }
}

/// Attributes that only a damaged file has; each of them once overflowed or could have.
@Suite struct DamagedAttributeTests {
  static let huge = Int.max

  static let cases: [(any GraphOperation, [TensorType])] = {
    let map = TensorType([1, 4, 4, 2])
    let kernel = TensorType([3, 3, 2, 3])
    let bigPadding = Padding(top: huge, left: huge, bottom: huge, right: huge)
    return [
      (Convolution(window: Window(kernel: 3), groups: huge), [map, kernel]),
      (Convolution(window: Window(kernel: 3), groups: 0), [map, kernel]),
      (Convolution(window: Window(kernel: 3), groups: -1), [map, kernel]),
      (Convolution(window: Window(kernel: 3, padding: bigPadding)), [map, kernel]),
      (MaxPool(window: Window(kernel: huge, padding: Padding(huge - 1))), [map]),
      (MaxPool(window: Window(kernel: 2, stride: 0)), [map]),
      (MaxPool(window: Window(kernel: 2)), [TensorType([])]),
      (AveragePool(window: Window(kernel: 2)), [TensorType([])]),
      (AdaptiveAveragePool(size: huge), [map]), (AdaptiveAveragePool(size: 0), [map]),
      (SliceChannels(start: huge, count: huge), [map]), (SliceChannels(start: -1, count: 1), [map]),
      (PadChannels(before: huge, after: huge), [map]), (PadChannels(before: -1, after: 0), [map]),
      (Reshape([huge, huge]), [map]), (Reshape([-1, -32]), [map]),
      (Dropout(rate: 1, seed: 0), [map, TensorType([], .int64)]),
      (Dropout(rate: .nan, seed: 0), [map, TensorType([], .int64)]),
    ]
  }()

  @Test(arguments: cases.indices)
  func damagedAttributesAreRefused(index: Int) {
    let (operation, inputs) = Self.cases[index]
    func build(_ operation: some GraphOperation) throws {
      var builder = GraphBuilder(name: "damaged")
      let values = inputs.enumerated().map { builder.input("x\($0.offset)", $0.element) }
      _ = try builder.emit(operation, values, label: "node")
    }
    #expect(throws: GraphError.self) { try build(operation) }
  }
}
