// NetworkGoldenTests.swift: whole networks against PyTorch, on weights that both sides draw by one rule
// (Scripts/goldens/README.md).

import Foundation
import SwiftletArchitectures
import SwiftletFormats
import TestSupport
import Testing

/// The manifest that Scripts/goldens/networks.py writes.
struct GoldenManifest: Decodable {
  struct Network: Decodable, CustomTestStringConvertible, Sendable {
    let library: String, name: String
    let height: Int, width: Int, inputChannels: Int
    let parameters: Int, multiplyAdds: Int
    let batchNormGain: Double
    let names: String, output: String
    let layers: String?
    var testDescription: String { "\(library) \(name) \(height)" }
  }
  let seed: UInt64
  let inputStream: String
  let networks: [Network]

  static let shared: GoldenManifest? = try? JSONDecoder().decode(
    GoldenManifest.self, from: Data(contentsOf: Files.golden("networks/manifest.json")))
}

/// A state dict drawn by the rule of Scripts/goldens/README.md.
struct DrawnStateDict {
  let names: [String]
  let shapes: [String: Shape]
  private let seed: UInt64, gain: Double

  init(_ golden: GoldenManifest.Network, seed: UInt64) throws {
    let text = try String(contentsOf: Files.golden("networks/\(golden.names)"), encoding: .utf8)
    var (names, shapes) = ([String](), [String: Shape]())
    for line in text.split(separator: "\n") {
      let cells = line.split(separator: "\t").map(String.init)
      names.append(cells[0])
      shapes[cells[0]] = Shape(
        cells[1] == "scalar" ? [] : cells[1].split(separator: "x").compactMap { Int($0) })
    }
    self.names = names
    self.shapes = shapes
    self.seed = seed
    gain = golden.batchNormGain
  }

  /// All tensors, with `prefix` before their names.
  func tensors(prefix: String = "") throws -> NamedTensors {
    try NamedTensors(names.compactMap { name in tensor(name).map { (prefix + name, $0) } })
  }

  private func tensor(_ name: String) -> Tensor? {
    guard let shape = shapes[name], let leaf = name.split(separator: ".").last else { return nil }
    let prefix = name.dropLast(leaf.count)
    let isNorm = shapes["\(prefix)running_mean"] != nil
    let fan = Double(shape.count / max(shape.dimensions.first ?? 1, 1))
    var generator = SeededGenerator(seed: seed, stream: name)
    let draw: (Double) -> Double =
      switch leaf {
      case "weight" where shape.rank > 1: { (2 * $0 - 1) * (6 / fan).squareRoot() }
      case "weight": { gain * (0.5 + $0) }
      case "running_var": { 0.5 + $0 }
      case "bias" where !isNorm: { (2 * $0 - 1) * 0.4 }
      default: { (2 * $0 - 1) * 0.2 }
      }
    return try? Tensor(shape: shape, floats: (0..<shape.count).map { _ in Float(draw(generator.uniform())) })
  }
}

@Suite(.serialized) struct NetworkGoldenTests {
  /// Which network of the zoo, dialect and width each golden is.
  static let zoo: [String: (name: String, dialect: Dialect, width: Double)] = [
    "torchvision.mobilenet_v2": ("mobilenet_v2", .torchvision, 1),
    "torchvision.mobilenet_v2_0.75": ("mobilenet_v2", .torchvision, 0.75),
    "torchvision.mobilenet_v3_large": ("mobilenet_v3_large", .torchvision, 1),
    "torchvision.mobilenet_v3_large_0.75": ("mobilenet_v3_large", .torchvision, 0.75),
    "torchvision.mobilenet_v3_small": ("mobilenet_v3_small", .torchvision, 1),
    "torchvision.resnet18": ("resnet18", .torchvision, 1),
    "torchvision.resnet34": ("resnet34", .torchvision, 1),
    "torchvision.resnet50": ("resnet50", .torchvision, 1),
    "torchvision.resnet101": ("resnet101", .torchvision, 1),
    "torchvision.resnet152": ("resnet152", .torchvision, 1),
    "torchvision.vgg16": ("vgg16", .torchvision, 1),
    "torchvision.vgg16_bn": ("vgg16_bn", .torchvision, 1),
    "timm.mobilenetv1_100": ("mobilenet_v1", .timm, 1),
    "timm.seresnet50": ("se_resnet50", .timm, 1),
    "timm.legacy_seresnet18": ("se_resnet18", .legacy, 1),
    "timm.legacy_seresnet50": ("se_resnet50", .legacy, 1),
    "timm.legacy_seresnext50_32x4d": ("se_resnext50_32x4d", .legacy, 1),
    "timm.legacy_senet154": ("senet154", .legacy, 1),
    "timm.mobilenetv3_large_100": ("mobilenet_v3_large", .timm, 1),
    "timm.mobilenetv3_small_100": ("mobilenet_v3_small", .timm, 1),
    "timm.tf_mobilenetv3_large_100": ("mobilenet_v3_large", .tensorflow, 1),
    "timm.tf_mobilenetv3_large_075": ("mobilenet_v3_large", .tensorflow, 0.75),
    "timm.tf_mobilenetv3_small_100": ("mobilenet_v3_small", .tensorflow, 1),
    "timm.tf_mobilenetv3_small_075": ("mobilenet_v3_small", .tensorflow, 0.75),
    "timm.tf_mobilenetv3_large_minimal_100": ("mobilenet_v3_large_minimalistic", .tensorflow, 1),
    "timm.mobilenet_edgetpu_100": ("mobilenet_edgetpu", .timm, 1),
  ]

  /// The block that is a golden of its own.
  static let block = "timm.legacy_senet154.layer2.0"

  static let goldens = GoldenManifest.shared?.networks ?? []

  @Test func everyGoldenIsCompared() {
    #expect(networks(Self.zoo.keys) == Set(Self.goldens.map { "\($0.library).\($0.name)" }))
    #expect(Self.goldens.count >= 30)
  }

  private func networks(_ names: some Sequence<String>) -> Set<String> { Set(names).union([Self.block]) }

  @Test(arguments: goldens)
  func logitsAreThoseOfPyTorch(golden: GoldenManifest.Network) throws {
    let key = "\(golden.library).\(golden.name)"
    if key == Self.block { return try compareBlock(golden) }
    let (name, dialect, width) = try #require(Self.zoo[key])
    let manifest = try #require(GoldenManifest.shared)
    let architecture = try Zoo.architecture(
      name, ZooOptions(dialect: dialect, width: width, resolution: golden.height))
    let graph = try architecture.graph()
    #expect(graph.parameterCount == golden.parameters)
    #expect(graph.multiplyAdds == golden.multiplyAdds)

    let state = try DrawnStateDict(golden, seed: manifest.seed)
    let tensors = try state.tensors()
    let map = try #require(NameMap.all.first { $0.problems(for: graph, in: tensors)?.isEmpty == true })
    let parameters = try map.parameters(for: graph, in: tensors)
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    try compare(folded, weights, golden, manifest)
    // Folding is exact enough for large networks to be run once; small ones are run both ways.
    if golden.multiplyAdds < 30_000_000 { try compare(graph, parameters, golden, manifest) }
    if let layers = golden.layers { try compareLayers(graph, layers) }
  }

  private func compare(
    _ graph: Graph, _ parameters: Parameters, _ golden: GoldenManifest.Network, _ manifest: GoldenManifest
  ) throws {
    let input = try drawnInput(golden, manifest)
    let actual = try ReferencePlan(graph, parameters: parameters).run([input])[0]
    let expected = try readNumpy(Files.golden("networks/\(golden.output)"))
    #expect(actual.shape.dimensions == expected.shape)
    let worst = disagreement(actual.values, expected.values, relativeToScale: 1e-5)
    #expect(worst == nil, "\(golden.testDescription): \(worst.map(String.init(describing:)) ?? "")")
  }

  private func drawnInput(_ golden: GoldenManifest.Network, _ manifest: GoldenManifest) throws -> HostTensor {
    var generator = SeededGenerator(seed: manifest.seed, stream: manifest.inputStream)
    let shape: Shape = [1, golden.height, golden.width, golden.inputChannels]
    return HostTensor(shape, (0..<shape.count).map { _ in Double(Float(2 * generator.uniform() - 1)) })
  }

  /// Every convolution and linear layer, in order, has PyTorch's output shape and multiply-adds.
  private func compareLayers(_ graph: Graph, _ file: String) throws {
    let text = try String(contentsOf: Files.golden("networks/\(file)"), encoding: .utf8)
    let expected = text.split(separator: "\n").map { line in
      let cells = line.split(separator: "\t").map(String.init)
      return "\(cells[1].split(separator: "x").filter { $0 != "1" }) \(cells[2])"
    }
    let ours = graph.nodes.compactMap { node -> String? in
      let adds = graph.cost(of: node).multiplyAdds
      guard adds > 0 else { return nil }
      // A layer on a vector is 1×1×C for a library that has it as a convolution: sides of 1 do not tell them apart.
      return
        "\(graph.type(of: node.outputs[0]).shape.dimensions.map(String.init).filter { $0 != "1" }) \(adds)"
    }
    // A projection shortcut may be executed before or after its branch.
    #expect(ours.sorted() == expected.sorted(), "\(file)")
    if !file.contains("resnet") { #expect(ours == expected, "\(file)") }
  }

  private func compareBlock(_ golden: GoldenManifest.Network) throws {
    let manifest = try #require(GoldenManifest.shared)
    let senet = Architecture.senet154(.legacy)
    let graph = try senet.stages[1][0].block.graph(
      input: [1, golden.height, golden.width, golden.inputChannels], conventions: senet.conventions)
    let state = try DrawnStateDict(golden, seed: manifest.seed)
    let map = try #require(NameMap.all.first { $0.name == "timm.legacy_senet" })
    let parameters = try map.parameters(for: graph, in: try state.tensors(prefix: "layer1.0."))
    try compare(graph, parameters, golden, manifest)
  }
}
