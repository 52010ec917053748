// FoldingTests.swift: what is computed before the first run, and what must not be.

import Foundation
import SwiftletGraph
import TestSupport
import Testing

@Suite struct FoldingTests {
  /// Two 1×1 convolutions of one image, each with a norm; what they share differs from case to case.
  private struct TwoLayers {
    var sharesWeight = false, sharesBias = false, sharesNorm = false, hasBias = true
    /// The bias is ten times a parameter… by way of a slice of a longer one.
    var computesBias = false, computesWeight = false
    /// The bias depends on the image.
    var biasOfImage = false

    func graph() throws -> Graph {
      var builder = GraphBuilder(name: "two layers")
      let image = builder.input("image", TensorType([1, 3, 2, 4]))
      var x = image
      var shared: [String: Value] = [:]
      func parameter(
        _ name: String, _ role: ParameterRole, _ shape: Shape, _ isShared: Bool, _ builder: inout GraphBuilder
      ) throws -> Value {
        if isShared, let value = shared[name] { return value }
        let value = try builder.parameter(name, role, shape)
        shared[name] = value
        return value
      }
      for layer in 0..<2 {
        x = try builder.scope("layer\(layer)") { builder in
          var weight = try parameter(
            "weight", .convolution, [1, 1, 4, computesWeight ? 6 : 4], sharesWeight, &builder)
          if computesWeight {
            weight = try builder.apply(SliceChannels(start: 1, count: 4), weight, label: "slice")
          }
          var operands = [x, weight]
          if biasOfImage {
            let pooled = try builder.apply(GlobalAveragePool(), image, label: "squeeze")
            operands.append(try builder.apply(Reshape([4]), pooled, label: "bias"))
          } else if hasBias {
            var bias = try parameter("bias", .bias, [computesBias ? 7 : 4], sharesBias, &builder)
            if computesBias {
              bias = try builder.apply(SliceChannels(start: 2, count: 4), bias, label: "slice")
            }
            operands.append(bias)
          }
          let y = try builder.emit(Convolution(window: Window(kernel: 1)), operands, label: "conv")[0]
          var norm = [y]
          for (name, role) in [
            ("scale", ParameterRole.normScale), ("offset", .normOffset), ("mean", .normMean),
            ("variance", .normVariance),
          ] {
            norm.append(try parameter(name, role, [4], sharesNorm, &builder))
          }
          return try builder.emit(BatchNorm(epsilon: 1e-3), norm, label: "norm")[0]
        }
      }
      builder.output("y", x)
      return try builder.finish()
    }
  }

  private static func parameters(_ graph: Graph) throws -> Parameters {
    var generator = SeededGenerator(seed: 4, stream: "folding")
    var parameters = Parameters()
    for spec in graph.parameters {
      let isPositive = spec.role == .normVariance || spec.role == .normScale
      parameters[spec.name] = try HostTensor(
        spec.shape, uniform: isPositive ? 0.5...2 : -1...1, using: &generator
      ).tensor()
    }
    return parameters
  }

  /// The graph before and after folding gives the same image; `norms` says how many norms must be left.
  private func compare(
    _ graph: Graph, norms: Int, _ prepare: (Graph, Parameters) throws -> (Graph, Parameters)
  ) throws -> Graph {
    var generator = SeededGenerator(seed: 9)
    let image = HostTensor([1, 3, 2, 4], uniform: -1...1, using: &generator)
    let parameters = try Self.parameters(graph)
    let (folded, weights) = try prepare(graph, parameters)
    let before = try ReferencePlan(graph, parameters: parameters).run([image])[0]
    let after = try ReferencePlan(folded, parameters: weights).run([image])[0]
    let worst = disagreement(after.values, before.values, relativeToScale: 1e-6)
    #expect(worst == nil, "\(worst.map(String.init(describing:)) ?? "")")
    #expect(folded.nodes.count { $0.operation is BatchNorm } == norms)
    #expect(Set(weights.names) == Set(folded.parameters.map(\.name)))
    return folded
  }

  private func fold(_ graph: Graph, _ parameters: Parameters) throws -> (Graph, Parameters) {
    try graph.applying([FoldBatchNorm()], to: parameters)
  }

  @Test func plainLayersFold() throws {
    _ = try compare(TwoLayers().graph(), norms: 0, fold)
    _ = try compare(TwoLayers(hasBias: false).graph(), norms: 0, fold)
  }

  @Test func aSharedBiasGetsACopyForEachLayer() throws {
    let folded = try compare(TwoLayers(sharesBias: true).graph(), norms: 0, fold)
    #expect(folded.parameters.map(\.name).filter { $0.hasSuffix("bias") }.count == 2)
  }

  @Test func aSharedWeightStays() throws {
    _ = try compare(TwoLayers(sharesWeight: true).graph(), norms: 2, fold)
    _ = try compare(TwoLayers(sharesWeight: true, sharesBias: true).graph(), norms: 2, fold)
  }

  @Test func sharedNormsFoldIntoBothLayers() throws {
    _ = try compare(TwoLayers(sharesNorm: true).graph(), norms: 0, fold)
  }

  @Test func aComputedBiasStaysUntilItIsConstant() throws {
    let graph = try TwoLayers(computesBias: true).graph()
    _ = try compare(graph, norms: 2, fold)
    let folded = try compare(graph, norms: 0) { try $0.preparedForInference($1) }
    #expect(folded.nodes.map(\.label) == ["layer0.conv", "layer1.conv"])
  }

  @Test func aBiasThatDependsOnTheImageStays() throws {
    let graph = try TwoLayers(biasOfImage: true).graph()
    _ = try compare(graph, norms: 2) { try $0.preparedForInference($1) }
  }

  @Test func aComputedWeightBecomesAWeight() throws {
    let graph = try TwoLayers(computesBias: true, computesWeight: true).graph()
    let folded = try compare(graph, norms: 0) { try $0.preparedForInference($1) }
    #expect(folded.nodes.allSatisfy { $0.operation is Convolution })
    #expect(folded.parameters.count { $0.role == .convolution } == 2)
    #expect(folded.parameters.count { $0.role == .bias } == 2)
  }

  @Test func aSharedComputedWeightIsComputedOnceForEachNode() throws {
    let graph = try TwoLayers(sharesWeight: true, sharesBias: true, computesBias: true, computesWeight: true)
      .graph()
    let folded = try compare(graph, norms: 0) { try $0.preparedForInference($1) }
    #expect(folded.nodes.count == 2)
  }

  /// A graph out of a file, whose two layers share a weight and a bias.
  @Test func aDecodedGraphWithSharedParametersKeepsItsMeaning() throws {
    let json = try JSONEncoder().encode(try TwoLayers(sharesWeight: true, sharesBias: true).graph())
    let decoded = try JSONDecoder().decode(Graph.self, from: json)
    #expect(decoded.parameters.count == 10)
    _ = try compare(decoded, norms: 2) { try $0.preparedForInference($1) }
  }

  @Test(arguments: UInt64(100)..<140)
  func preparedNetworksKeepTheirMeaning(seed: UInt64) throws {
    let network = try RandomNetwork(seed: seed)
    let (graph, parameters) = try network.graph.preparedForInference(network.parameters)
    let before = try ReferencePlan(network.graph, parameters: network.parameters).run([network.input])
    let after = try ReferencePlan(graph, parameters: parameters).run([network.input])
    for (a, b) in zip(after, before) {
      let worst = disagreement(a.values, b.values, relativeToScale: 1e-6)
      #expect(worst == nil, "seed \(seed): \(worst.map(String.init(describing:)) ?? "")")
    }
  }

  /// An output that depends on parameters alone is still computed by a run; a huge constant is left to the plan.
  @Test func outputsAndHugeConstantsAreLeft() throws {
    var builder = GraphBuilder(name: "constants")
    let x = builder.input("x", TensorType([2]))
    let p = try builder.parameter("p", .bias, [2])
    let constant = try builder.apply(Activation(.relu), p, label: "constant")
    builder.output("constant", constant)
    builder.output("sum", try builder.apply(Add(), x, constant, label: "sum"))
    let wide = try builder.apply(PadChannels(before: 1 << 30, after: 0), p, label: "wide")
    let narrow = try builder.apply(SliceChannels(start: 1 << 30, count: 2), wide, label: "narrow")
    builder.output("difference", try builder.apply(Add(), x, narrow, label: "difference"))
    let graph = try builder.finish()
    var parameters = Parameters()
    parameters["p"] = try Tensor(shape: [2], floats: [-1, 2])
    let (folded, weights) = try graph.preparedForInference(parameters)
    #expect(folded == graph)
    #expect(weights.names == ["p"])
  }

  @Test func normsWhoseStatisticsARunUpdatesStay() throws {
    let graph = try TwoLayers().graph()
    let form = try graph.trainingForm { $0 == "layer0.norm" }
    let (folded, _) = try fold(form, Self.parameters(graph))
    #expect(folded.nodes.contains { $0.operation is BatchNormTraining })
    #expect(!folded.nodes.contains { $0.operation is BatchNorm })
  }
}
