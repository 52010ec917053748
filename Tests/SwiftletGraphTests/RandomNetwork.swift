// RandomNetwork.swift: seeded little networks that passes, batches and gradients are tried on.

import SwiftletGraph
import TestSupport

/// A random little network: convolutions of all kinds with or without bias and norm, gates, branches that meet;
/// layers may share a weight or a bias with an earlier one.
struct RandomNetwork {
  let graph: Graph
  let parameters: Parameters
  let input: HostTensor

  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed, stream: "network")
    var builder = GraphBuilder(name: "random \(seed)")
    var x = builder.input("x", TensorType([2, 5, 6, 4]))
    var earlier = Earlier()
    for layer in 0..<5 {
      x = try builder.scope("layer\(layer)") { builder in
        try Self.addLayer(x, &earlier, &builder, &generator)
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

  /// What a layer may share with an earlier one: a weight of its kind, and a bias.
  private struct Earlier {
    var weights: [Int: Value] = [:]
    var bias: Value?
  }

  private static func addLayer(
    _ x: Value, _ earlier: inout Earlier, _ builder: inout GraphBuilder, _ generator: inout SeededGenerator
  ) throws -> Value {
    let window = Window(kernel: 3, padding: Padding(1))
    let kind = Int.random(in: 0..<4, using: &generator)
    let weight: Value
    switch kind {
    case _ where earlier.weights[kind] != nil && Int.random(in: 0..<3, using: &generator) == 0:
      weight = earlier.weights[kind] ?? x
    case 0: weight = try builder.parameter("weight", .depthwise, [3, 3, 4])
    case 1: weight = try builder.parameter("weight", .convolution, [3, 3, 2, 4])
    default: weight = try builder.parameter("weight", .convolution, [3, 3, 4, 4])
    }
    earlier.weights[kind] = weight
    var operands = [x, weight]
    if Bool.random(using: &generator) {
      let shared = Bool.random(using: &generator) ? earlier.bias : nil
      operands.append(try shared ?? builder.parameter("bias", .bias, [4]))
      earlier.bias = operands[2]
    }
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
