// ArchitectureTests.swift: architectures as values: tables, storage, limits, gradients, own blocks.

import Foundation
import SwiftletArchitectures
import TestSupport
import Testing

/// A block of a user's own: GhostNet's idea (arXiv 1911.11907), half the channels made cheaply from the other half.
private struct Ghost: BlockDefinition {
  static let name = "ghost"
  var channels: Int, kernel: Int, stride: Int

  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let primary = try network.convolution(
      x, "primary", channels: network.scaled(channels / 2), kernel: 1, stride: stride, activation: .relu)
    let cheap = try network.depthwise(primary, "cheap", kernel: kernel, activation: .relu)
    return try network.concatenate([primary, cheap])
  }
}

@Suite struct ArchitectureTests {
  static let names = Zoo.entries.map(\.name)

  @Test func everyPromisedNameIsThereOnce() {
    let promised = [
      "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small",
      "mobilenet_v3_large_minimalistic", "mobilenet_v3_small_minimalistic", "mobilenet_edgetpu",
      "mobilenet_v1_full_conv", "mobilenet_v1_shallow", "se_mobilenet_v1", "resnet18", "resnet34", "resnet50",
      "resnet101", "resnet152", "se_resnet18", "se_resnet34", "se_resnet50", "se_resnet101",
      "se_resnet152", "se_resnext50_32x4d", "senet154", "vgg16", "vgg16_bn", "cifar_resnet18",
      "cifar_se_resnet18", "cifar_resnet20", "cifar_se_resnet20", "cifar_resnet56", "cifar_se_resnet56",
      "cifar_resnet110", "cifar_se_resnet110", "cifar_mobilenet_v1", "cifar_mobilenet_v2",
      "cifar_mobilenet_v3_large", "cifar_mobilenet_v3_small", "se_resnet50_pre", "se_resnet50_post",
      "se_resnet50_identity",
    ]
    for name in promised { #expect(Self.names.filter { $0 == name }.count == 1, "\(name)") }
    #expect(Set(Self.names).count == Self.names.count)
  }

  @Test(arguments: Zoo.entries.indices)
  func everyNetworkIsSoundUnderEveryDialect(index: Int) throws {
    let entry = Zoo.entries[index]
    for dialect in Dialect.allCases {
      let architecture = try entry.architecture(ZooOptions(dialect: dialect))
      #expect(architecture.name == entry.name)
      let summary = try architecture.summary()
      #expect(summary.rows.last?.output == [1, architecture.classes])
      #expect(summary.parameters == summary.rows.reduce(0) { $0 + $1.parameters })
      #expect(summary.multiplyAdds == summary.rows.reduce(0) { $0 + $1.multiplyAdds })
      let data = try JSONEncoder().encode(architecture)
      #expect(try JSONDecoder().decode(Architecture.self, from: data) == architecture)
    }
  }

  /// The training form differentiates, and no parameter is left without a gradient, at any depth.
  @Test(arguments: Zoo.entries.indices)
  func everyParameterReceivesAGradient(index: Int) throws {
    let architecture = try Zoo.entries[index].architecture()
    let small = architecture.with(resolution: max(architecture.totalStride, 32))
    let graph = try small.graph(batch: 2, mode: .training)
    let differentiated = try graph.differentiated()
    let gradients = differentiated.outputs.map(\.name).filter { $0.hasPrefix("gradient.") }
    #expect(gradients == graph.parameters.filter(\.role.isTrainable).map { "gradient.\($0.name)" })
    let norms = graph.nodes.filter { $0.operation is BatchNormTraining }.count
    #expect(graph.updates.count == 2 * norms)
  }

  /// One of each family, run: the gradient of each parameter is a number, and not all zeros.
  @Test(arguments: [
    "cifar_mobilenet_v3_small", "cifar_se_resnet20", "cifar_mobilenet_v1", "cifar_mobilenet_v2",
  ])
  func gradientsFlow(name: String) throws {
    var architecture = try Zoo.architecture(name)
    architecture.width = architecture.name.contains("mobilenet") ? 0.25 : 1
    let graph = try architecture.graph(batch: 2, mode: .training).differentiated()
    var generator = SeededGenerator(seed: 4)
    var parameters = try Parameters(initializing: graph, seed: 4)
    // Linear weights start near zero, which would leave almost nothing to see of what lies before them.
    for spec in graph.parameters where spec.role == .linear {
      parameters[spec.name] = try HostTensor(spec.shape, uniform: -0.5...0.5, using: &generator).tensor()
    }
    let image = HostTensor([2, 32, 32, 3], uniform: -1...1, using: &generator)
    let seed = HostTensor([2, 10], uniform: -1...1, using: &generator)
    let results = try ReferencePlan(graph, parameters: parameters).run([HostTensor([], [1]), image, seed])
    for (port, gradient) in zip(graph.outputs, results) where port.name.hasPrefix("gradient.") {
      #expect(gradient.values.allSatisfy { $0.isFinite }, "\(port.name)")
      #expect(gradient.values.contains { $0 != 0 }, "\(port.name)")
    }
  }

  @Test func theListsNameTheirFolders() throws {
    let folder = Files.root.appending(path: "Sources/SwiftletArchitectures/Blocks")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).map { $0.dropLast(6) }
    let types = BlockCatalogue.all.map { String(describing: $0) }
    #expect(Set(files.map(String.init)) == Set(types))
    for type in BlockCatalogue.all { #expect(BlockCatalogue.block(named: type.name) == type) }
    let zoo = Files.root.appending(path: "Sources/SwiftletArchitectures/Zoo")
    #expect(try FileManager.default.contentsOfDirectory(atPath: zoo.path).count == 8)
  }

  @Test func aBlockOfOnesOwnStandsInATable() throws {
    let tiny = Architecture(
      "tiny", dialect: .tensorflow, stem: .conv(16, kernel: 3, stride: 2, .hardSwish),
      stages: [
        [.mbconv(16, kernel: 3, stride: 2, expand: .to(16), squeeze: .mobileNetV3, .relu)],
        [
          .mbconv(24, kernel: 3, stride: 2, expand: .to(72), .relu),
          .mbconv(24, kernel: 3, expand: .to(88), .relu),
        ],
        [Row(Ghost(channels: 40, kernel: 5, stride: 2), repeats: 2)],
      ],
      head: .mobileNetV3(features: 576, classifier: 1024))
    let summary = try tiny.summary()
    #expect(summary.rows[4].operator == "ghost" && summary.rows[4].output == [1, 14, 14, 40])
    #expect(summary.rows.map(\.repeats) == [1, 1, 1, 1, 2, 1, 1, 1, 1])
    // A ghost has conv + norm + depthwise + norm.
    #expect(summary.rows[4].parameters == (24 + 40) * 20 + 2 * (25 * 20 + 2 * 40))
    #expect(throws: ArchitectureError.unregisteredBlock("ghost")) { try JSONEncoder().encode(tiny) }
    try BlockCatalogue.register(Ghost.self)
    let file = try JSONEncoder().encode(tiny)
    #expect(try JSONDecoder().decode(Architecture.self, from: file) == tiny)
    let other = String(decoding: file, as: UTF8.self).replacing("\"ghost\"", with: "\"ghoul\"")
    #expect(throws: ArchitectureError.unknownBlock("ghoul")) {
      try JSONDecoder().decode(Architecture.self, from: Data(other.utf8))
    }
  }

  @Test func gatesStandWhereSENetsFigureFivePutsThem() throws {
    func order(_ placement: SqueezePlacement) throws -> [String] {
      let block = Row.basic(8, squeeze: .senet, placement: placement, repeats: 1).block
      return try block.graph(input: [1, 4, 4, 8], conventions: Conventions(.paper)).nodes
        .map { $0.label.replacing("stages.0.0.", with: "") }
        .filter { ["squeeze.scale", "conv1", "conv2", "add", "activation"].contains($0) }
    }
    #expect(try order(.standard) == ["conv1", "conv2", "squeeze.scale", "add", "activation"])
    #expect(try order(.pre) == ["squeeze.scale", "conv1", "conv2", "add", "activation"])
    #expect(try order(.post) == ["conv1", "conv2", "add", "activation", "squeeze.scale"])
    #expect(try order(.identity) == ["conv1", "conv2", "squeeze.scale", "add", "activation"])
    let identity = try Row.basic(8, squeeze: .senet, placement: .identity, repeats: 1).block.graph(
      input: [1, 4, 4, 8], conventions: Conventions(.paper))
    let scale = try #require(identity.nodes.first { $0.operation is ChannelScale })
    #expect(scale.inputs[0] == identity.inputs[0].value)
  }

  /// Expected deviations are written out: He's for fan-out 512 with kernels 3 and 1, a classifier's, He's of a gate's two layers.
  @Test func weightsStartAsTheirRolesAsk() throws {
    let graph = try Zoo.architecture("cifar_se_resnet18").graph()
    let expected = [
      "stages.3.1.conv2.weight": 0.02083, "stages.3.0.shortcut.weight": 0.0625, "classifier.weight": 0.01,
      "stages.3.1.squeeze.reduce.weight": 0.25, "stages.3.1.squeeze.expand.weight": 0.0625,
    ]
    for (name, deviation) in expected {
      let values = try #require(graph.parameters.first { $0.name == name }).initialValues(seed: 1)
      let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      let found = (squares / Double(values.count)).squareRoot()
      #expect(abs(found - deviation) < 0.03 * deviation, "\(name): \(found)")
    }
    for spec in graph.parameters where spec.role == .bias || spec.role == .normOffset {
      #expect(spec.initialValues(seed: 1).allSatisfy { $0 == 0 }, "\(spec.name)")
    }
  }

  @Test func senselessNumbersAreRefused() throws {
    let v2 = Architecture.mobileNetV2()
    #expect(throws: ArchitectureError.badWidth(0)) { try v2.with(width: 0).summary() }
    #expect(throws: ArchitectureError.badWidth(-1)) { try v2.with(width: -1).summary() }
    #expect(throws: ArchitectureError.self) { try v2.with(width: .nan).summary() }
    #expect(throws: ArchitectureError.self) { try v2.with(width: .infinity).summary() }
    #expect(throws: ArchitectureError.badClasses(0)) { try v2.with(classes: 0).summary() }
    #expect(
      throws: ArchitectureError.badResolution(7, network: "mobilenet_v2", smallest: 32, largest: 4096)
    ) { try v2.with(resolution: 7).summary() }
    #expect(throws: ArchitectureError.noWidth(network: "resnet50")) {
      try Zoo.architecture("resnet50", ZooOptions(width: 0.5))
    }
    #expect(throws: ArchitectureError.badWidth(0)) {
      try Zoo.architecture("resnet50", ZooOptions(width: 0))
    }
  }

  @Test(arguments: [
    ("mobilenet_v4", "mobilenet_v2"), ("MobileNetV2", "mobilenet_v2"),
    ("mobilenetv3large", "mobilenet_v3_large"),
    ("resnet5", "resnet50"), ("se-resnet-50", "se_resnet50"),
  ])
  func aMistypedNameGetsASuggestion(typed: String, meant: String) throws {
    let error = try #require(throws: ArchitectureError.self) { try Zoo.architecture(typed) }
    // "v4" is one edit from "v1" and from "v2"; either will do.
    let nearest = typed == "mobilenet_v4" ? ["mobilenet_v1", "mobilenet_v2"] : [meant]
    #expect(nearest.contains { error == .unknownName(typed, nearest: $0) })
  }

  @Test func anUnlikelyNameGetsNone() {
    #expect(throws: ArchitectureError.unknownName("alexander", nearest: nil)) {
      try Zoo.architecture("alexander")
    }
  }

  @Test func widthsRoundAsTheSourcesDo() {
    #expect([11.2, 18, 24, 32 * 0.35, 3].map { roundedToEight($0) } == [16, 24, 24, 16, 8])
    #expect(WidthRule.truncated.apply(1024 * 0.3) == 307)
    #expect(WidthRule.truncated.apply(3) == 8)
  }

  /// One box for each operation, one arrow for each value that it reads, all operations of a block in one frame.
  @Test(arguments: ["mobilenet_v2", "se_resnet50", "mobilenet_v3_small"])
  func drawingsShowEveryOperation(name: String) throws {
    let graph = try Zoo.architecture(name).graph()
    let lines = graph.dot.split(separator: "\n").map(String.init)
    #expect(lines.count { $0.hasPrefix("    node") } == graph.nodes.count)
    let parameters = Set(graph.parameters.map(\.value.id))
    let reads = graph.nodes.reduce(0) { $0 + $1.inputs.count { !parameters.contains($0.id) } }
    #expect(lines.count { $0.contains(" -> ") } == reads + graph.outputs.count)
    let frames = lines.filter { $0.contains("subgraph") }
    #expect(Set(frames).count == frames.count && frames.contains { $0.contains("\"stages.1.0\"") })
    #expect(lines.count { $0.hasSuffix("{") } == lines.count { $0.trimmingPrefix(" ").hasPrefix("}") })
  }

  /// Names come from files: quotes, backslashes and control characters must not end a string.
  @Test func drawingsQuoteNames() throws {
    var builder = GraphBuilder(name: "a\"; b\\ \n")
    let x = builder.input("im\"age", TensorType([1, 2, 2, 1]))
    builder.output("out\u{1B}", try builder.apply(Activation(.relu), x, label: "l\"1\\"))
    let text = try builder.finish().dot
    #expect(text.hasPrefix("digraph \"a\\\"; b\\\\ \\n\" {\n"))
    #expect(text.contains("[label=\"im\\\"age\"") && text.contains("\"out?\"") && !text.contains("\u{1B}"))
  }
}
