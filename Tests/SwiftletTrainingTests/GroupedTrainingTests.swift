// GroupedTrainingTests.swift: grouped convolutions, copies of channels, adaptive pools and computed weights train on the engine.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletTraining
import TestSupport
import Testing

@Suite struct GroupedTrainingTests {
  struct Groups: Sendable, CustomTestStringConvertible {
    let groups: Int, inputs: Int, outputs: Int, kernel: Int, stride: Int
    var bias = false
    var size = (9, 11)
    var testDescription: String {
      "\(groups) groups, \(inputs) to \(outputs), kernel \(kernel), stride \(stride)"
    }
  }

  static let groups: [Groups] = [
    Groups(groups: 2, inputs: 8, outputs: 8, kernel: 3, stride: 1),
    Groups(groups: 32, inputs: 128, outputs: 128, kernel: 3, stride: 1),
    Groups(groups: 32, inputs: 128, outputs: 128, kernel: 3, stride: 2),
    Groups(groups: 16, inputs: 64, outputs: 128, kernel: 3, stride: 1, bias: true),
    Groups(groups: 6, inputs: 60, outputs: 18, kernel: 5, stride: 2),
    Groups(groups: 3, inputs: 9, outputs: 51, kernel: 1, stride: 1, bias: true),
    Groups(groups: 7, inputs: 7, outputs: 14, kernel: 3, stride: 2),
    Groups(groups: 2, inputs: 64, outputs: 64, kernel: 3, stride: 1, size: (31, 33)),
    Groups(groups: 8, inputs: 64, outputs: 64, kernel: 3, stride: 2, size: (60, 61)),
  ]

  @Test(arguments: groups)
  func groupedConvolutions(test: Groups) throws {
    var network = SmallNetwork([3, test.size.0, test.size.1, 5])
    let first = try network.parameter("first", .convolution, [1, 1, 5, test.inputs])
    var y = try network.builder.apply(
      Convolution(window: Window(kernel: 1)), network.x, first, label: "first")
    y = try network.builder.apply(Activation(.hardSwish), try network.norm(y, "norm"), label: "active")
    let weight = try network.parameter(
      "weight", .convolution, [test.kernel, test.kernel, test.inputs / test.groups, test.outputs])
    var operands = [y, weight]
    if test.bias { operands.append(try network.parameter("bias", .bias, [test.outputs])) }
    let window = Window(kernel: test.kernel, stride: test.stride, padding: Padding(test.kernel / 2))
    y = try network.builder.emit(
      Convolution(window: window, groups: test.groups), operands, label: "grouped")[0]
    // A bias before a norm has no gradient.
    y = test.bias ? y : try network.norm(y, "grouped.norm")
    try network.classify(try network.builder.apply(Activation(.silu), y, label: "active"))
    let trial = try TrainingFaultTests.trial(network)
    try trial.compare()
    let session = try CPUBackend().makeTrainingSession(trial.graph, parameters: trial.state)
    #expect((session as? CPUTrainingSession)?.referenceOps == [])
  }

  /// The README's block: half of the channels come cheaply from the other half.
  @Test(arguments: [1, 2])
  func ghostBlocks(stride: Int) throws {
    var network = SmallNetwork([3, 10, 9, 6])
    let primary = try network.parameter("primary", .convolution, [1, 1, 6, 10])
    let cheap = try network.parameter("cheap", .depthwise, [5, 5, 10])
    var y = try network.builder.apply(
      Convolution(window: Window(kernel: 1, stride: stride)), network.x, primary, label: "primary")
    y = try network.builder.apply(Activation(.hardSwish), try network.norm(y, "a"), label: "active")
    var z = try network.builder.apply(
      DepthwiseConvolution(window: Window(kernel: 5, padding: Padding(2))), y, cheap, label: "cheap")
    z = try network.builder.apply(Activation(.silu), try network.norm(z, "b"), label: "active")
    let both = try network.builder.apply(Concatenate(), y, z, label: "both")
    // Slices and zeros beside the channels of what is computed on the way.
    let slice = try network.builder.apply(SliceChannels(start: 3, count: 9), both, label: "slice")
    let padded = try network.builder.apply(PadChannels(before: 4, after: 7), slice, label: "pad")
    let gate = try network.builder.apply(GlobalAveragePool(), padded, label: "gate")
    try network.classify(try network.builder.apply(ChannelScale(), both, gate, label: "scale"))
    let trial = try TrainingFaultTests.trial(network)
    try trial.compare()
    let session = try CPUBackend().makeTrainingSession(trial.graph, parameters: trial.state)
    #expect((session as? CPUTrainingSession)?.referenceOps == [])
  }

  @Test(arguments: [(3, 7, 5), (2, 8, 8), (4, 2, 3)])
  func adaptivePools(size: Int, height: Int, width: Int) throws {
    var network = SmallNetwork([3, height, width, 6])
    let weight = try network.parameter("weight", .convolution, [1, 1, 6, 10])
    var y = try network.builder.apply(
      Convolution(window: Window(kernel: 1)), network.x, weight, label: "conv")
    y = try network.builder.apply(Activation(.hardSwish), y, label: "active")
    y = try network.builder.apply(AdaptiveAveragePool(size: size), y, label: "cells")
    try network.classify(try network.builder.apply(Activation(.tanh), y, label: "cells.active"))
    try TrainingFaultTests.trial(network).compare()
  }

  enum Computed: String, CaseIterable, Sendable { case squashed, sliced, scaled, padded, joined }

  /// A layer's weight may be a result: squashed, a slice of a larger one, scaled by a gate, joined of two.
  @Test(arguments: Computed.allCases)
  func weightsThatAreComputed(how: Computed) throws {
    var network = SmallNetwork([3, 9, 8, 16])
    func computed(_ name: String, _ role: ParameterRole, _ shape: Shape) throws -> Value {
      let last = shape[-1]
      let leading = shape.dimensions.dropLast()
      switch how {
      case .squashed:
        return try network.builder.apply(
          Activation(.tanh), try network.parameter(name, role, shape), label: "\(name).tanh")
      case .sliced:
        let whole = try network.parameter(name, role, Shape(leading + [last + 5]))
        return try network.builder.apply(SliceChannels(start: 2, count: last), whole, label: "\(name).slice")
      case .padded:
        let part = try network.parameter(name, role, Shape(leading + [last - 3]))
        return try network.builder.apply(PadChannels(before: 1, after: 2), part, label: "\(name).pad")
      case .joined:
        let parts = [
          try network.parameter("\(name).a", role, Shape(leading + [last - 3])),
          try network.parameter("\(name).b", role, Shape(leading + [3])),
        ]
        return try network.builder.emit(Concatenate(), parts, label: "\(name).join")[0]
      case .scaled:
        let weight = try network.parameter(name, role, shape)
        guard shape.rank == 4 else { return weight }
        let mask = try network.parameter("\(name).mask", .linear, [shape[0], last], 0.5...1.5)
        return try network.builder.apply(ChannelScale(), weight, mask, label: "\(name).masked")
      }
    }
    let window = Window(kernel: 3, padding: Padding(1))
    var y = network.x
    let layers: [(String, Shape, any GraphOperation)] = [
      ("pointwise", [1, 1, 16, 24], Convolution(window: Window(kernel: 1))),
      ("dense", [3, 3, 24, 32], Convolution(window: window)),
      ("grouped", [3, 3, 8, 32], Convolution(window: window, groups: 4)),
      ("depthwise", [3, 3, 32], DepthwiseConvolution(window: window)),
    ]
    for (name, shape, operation) in layers {
      let weight = try computed(name, shape.rank == 3 ? .depthwise : .convolution, shape)
      func apply(_ operation: some GraphOperation) throws -> Value {
        try network.builder.apply(operation, y, weight, label: name)
      }
      y = try apply(operation)
      y = try network.builder.apply(
        Activation(.hardSwish), try network.norm(y, "\(name).norm"), label: "\(name).active")
    }
    let pooled = try network.builder.apply(GlobalAveragePool(), y, label: "pool")
    let head = try computed("head", .linear, [32, network.classes])
    let bias = try network.builder.apply(
      Activation(.tanh), try network.parameter("head.bias", .bias, [network.classes]), label: "bias.tanh")
    network.builder.output("logits", try network.builder.apply(Linear(), pooled, head, bias, label: "head"))
    for winograd in [CPUBackend.Use.never, .always] {
      var trial = try TrainingFaultTests.trial(network)
      trial.winograd = winograd
      // Tiles of Winograd round a hundred times as coarsely as sums in order.
      trial.tolerance = winograd == .never ? 2e-4 : 1e-3
      // A mask of whole channels before a norm has no gradient.
      trial.zero = 1e-5
      try trial.compare()
      let session = try CPUBackend().makeTrainingSession(trial.graph, parameters: trial.state)
      #expect((session as? CPUTrainingSession)?.referenceOps == [])
    }
  }

  @Test func nothingInTheZooTrainsByItsDefinition() throws {
    for entry in Zoo.entries {
      let network = try entry.architecture(ZooOptions(resolution: 64)).graph(batch: 2, mode: .training)
      let step = try TrainingStep(
        network, StepOptions(loss: DistillationLoss(), optimizer: .rmsProp(), accumulates: true))
      #expect(try CPUBackend().referenceOps(ofTraining: step.graph) == [], "\(entry.name)")
    }
  }

  /// A class is there or not, each on its own.
  @Test(arguments: [0.0, 0.1])
  func lossesOfSeveralLabels(smoothing: Double) throws {
    var network = SmallNetwork([4, 5, 5, 3])
    let weight = try network.parameter("weight", .convolution, [3, 3, 3, 8])
    let y = try network.builder.apply(
      Convolution(window: Window(kernel: 3, padding: Padding(1))), network.x, weight, label: "conv")
    try network.classify(try network.builder.apply(Activation(.silu), y, label: "active"))
    let logits = try #require(network.builder.graph.outputs.last).value
    let targets = network.builder.input("targets", TensorType([4, 5]))
    let loss = try network.builder.apply(
      SigmoidCrossEntropy(smoothing: smoothing, weight: 0.7), logits, targets, label: "loss")
    network.builder.output("loss", loss)
    let graph = try network.finished().differentiated(of: "loss")
    try EngineTrial(graph: graph, state: try network.start()).compare()
    #expect(try CPUBackend().referenceOps(ofTraining: graph) == [])
  }

  /// A file of the folder is a line of the list.
  @Test func theListOfOpsIsTheFolder() throws {
    let folder = Files.root.appending(path: "Sources/SwiftletCPU/Training/Ops")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(files.sorted() == CPUTrainingSession.opFiles.sorted())
  }

  /// What has no fast path is said by name.
  @Test func operationsByTheirDefinitionAreNamed() throws {
    var network = SmallNetwork([2, 3, 3, 4])
    let weight = try network.parameter("weight", .linear, [4, 5])
    let pooled = try network.builder.apply(GlobalAveragePool(), network.x, label: "pool")
    let y = try network.builder.apply(Linear(), pooled, weight, label: "linear")
    network.builder.output("probabilities", try network.builder.apply(Softmax(), y, label: "softmax"))
    let graph = try network.finished().differentiated(of: "probabilities")
    let session = try CPUBackend().makeTrainingSession(graph, parameters: try network.start())
    #expect(
      (session as? CPUTrainingSession)?.referenceOps == [
        "softmax (softmax)", "gradient.softmax.softmaxGradient (softmaxGradient)",
      ])
  }
}
