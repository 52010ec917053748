// RecognizedNetwork.swift: the networks whose published names are known, and the part of each that a file must have.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// A network under a dialect, with the rule for its names.
struct RecognizedNetwork: Sendable {
  /// The name in the zoo.
  let network: String
  /// The source whose conventions the weights follow.
  let dialect: Dialect
  /// The name of its ``NameMap``.
  let map: String
  /// Whether it is found only where it is named: another network has its names and shapes.
  var isByNameOnly = false
  /// The change to the network of the zoo.
  var form = Form.published

  /// Forms of networks that timm has besides the papers'.
  enum Form: Sendable, Hashable {
    /// The zoo's.
    case published
    /// All stages but the first and the last have that many times the blocks; stem and last convolution keep their width
    /// (`mobilenetv2_110d` and `_120d`).
    case deeper(Double)
    /// Channels are multiples of 8, as timm has them in MobileNetV1 too.
    case roundedToEight
    /// The same, with a 1×1 convolution of 1024 channels before the classifier (`mobilenetv1_100h`).
    case withHeadConvolution

    func apply(to architecture: inout Architecture) {
      guard self != .published, var head = architecture.head as? Head else { return }
      switch self {
      case .published: return
      case .deeper(let depth):
        for stage in architecture.stages.indices.dropFirst().dropLast() {
          for row in architecture.stages[stage].indices {
            let repeats = Double(architecture.stages[stage][row].repeats) * depth
            architecture.stages[stage][row].repeats = Int(repeats.rounded(.up))
          }
        }
        architecture.conventions.stem = .never
        head.featuresScaling = .never
      case .roundedToEight: architecture.conventions.width = .divisibleByEight
      case .withHeadConvolution:
        architecture.conventions.width = .divisibleByEight
        (head.features, head.featuresScaling, head.activation) = (1024, .upOnly, .relu6)
      }
      architecture.head = head
    }
  }

  /// All of them, in the order in which they are tried.
  static let all: [RecognizedNetwork] = {
    func all(
      _ networks: [String], _ dialect: Dialect, _ map: String, isByNameOnly: Bool = false
    ) -> [RecognizedNetwork] {
      networks.map { RecognizedNetwork(network: $0, dialect: dialect, map: map, isByNameOnly: isByNameOnly) }
    }
    let depths = [18, 34, 50, 101, 152]
    let v3 = ["mobilenet_v3_large", "mobilenet_v3_small"]
    let minimalistic = v3.map { $0 + "_minimalistic" }
    let cifarDepths = [18, 20, 56, 110]
    return all(["mobilenet_v2"], .torchvision, "torchvision.mobilenet_v2")
      + all(v3, .torchvision, "torchvision.mobilenet_v3")
      + all(depths.map { "resnet\($0)" }, .torchvision, "torchvision.resnet")
      + all(["vgg16", "vgg16_bn"], .torchvision, "torchvision.vgg")
      // Before the network that has all its layers but one.
      + [
        RecognizedNetwork(
          network: "mobilenet_v1", dialect: .timm, map: "timm.mobilenet", form: .withHeadConvolution)
      ]
      + all(["mobilenet_v1", "mobilenet_v2"] + v3 + ["mobilenet_edgetpu"], .timm, "timm.mobilenet")
      + all(v3 + minimalistic, .tensorflow, "timm.mobilenet")
      + [Form.deeper(1.2), .deeper(1.4)].map {
        RecognizedNetwork(network: "mobilenet_v2", dialect: .timm, map: "timm.mobilenet", form: $0)
      }
      + [
        RecognizedNetwork(
          network: "mobilenet_v1", dialect: .timm, map: "timm.mobilenet", form: .roundedToEight)
      ]
      + all(depths.map { "se_resnet\($0)" }, .timm, "timm.seresnet")
      + all(
        depths.map { "se_resnet\($0)" } + ["se_resnext50_32x4d", "senet154"], .legacy, "timm.legacy_senet")
      + all(["mobilenet_v1"], .tensorflow, "huggingface.mobilenet_v1")
      + all(["mobilenet_v2"], .tensorflow, "huggingface.mobilenet_v2")
      + all(depths.map { "resnet\($0)" }, .torchvision, "huggingface.resnet")
      + all(cifarDepths.map { "cifar_resnet\($0)" }, .torchvision, "torchvision.resnet")
      + all(cifarDepths.map { "cifar_se_resnet\($0)" }, .timm, "timm.seresnet")
      // Their stems have another stride, which no shape shows.
      + all(["cifar_mobilenet_v2"], .torchvision, "torchvision.mobilenet_v2", isByNameOnly: true)
      + all(v3.map { "cifar_\($0)" }, .torchvision, "torchvision.mobilenet_v3", isByNameOnly: true)
      + all(
        (["mobilenet_v1", "mobilenet_v2"] + v3).map { "cifar_\($0)" }, .timm, "timm.mobilenet",
        isByNameOnly: true)
  }()

  /// Whether it has a width multiplier.
  var hasWidth: Bool { (try? Zoo.entry(named: network))?.hasWidth ?? false }

  /// The network.
  ///
  /// - Throws: ``ArchitectureError``.
  func architecture(width: Double, _ resolution: Int?) throws -> Architecture {
    var architecture = try Zoo.architecture(
      network, ZooOptions(dialect: dialect, width: hasWidth ? width : nil, resolution: resolution))
    form.apply(to: &architecture)
    return architecture
  }

  /// The name of the first convolution's weight.
  var anchor: String {
    switch map {
    case "torchvision.vgg": "features.0.weight"
    case "timm.mobilenet": "conv_stem.weight"
    case "timm.legacy_senet": "layer0.conv1.weight"
    case "torchvision.resnet", "timm.seresnet": "conv1.weight"
    case "huggingface.mobilenet_v1": "conv_stem.convolution.weight"
    case "huggingface.mobilenet_v2": "conv_stem.first_conv.convolution.weight"
    case "huggingface.resnet": "embedder.embedder.convolution.weight"
    default: "features.0.0.weight"
    }
  }

  /// Other names of its first-level modules: none; those of `features` alone; and the positions in a `Sequential` of the network's
  /// modules.
  var renamings: [NameScope.Renaming] {
    switch map {
    case "timm.mobilenet":
      [[:], ["conv_stem": "0", "bn1": "1", "blocks": "2", "conv_head": "3", "bn2": "4"]]
    case "timm.legacy_senet":
      [[:], ["layer0": "0", "layer1": "1", "layer2": "2", "layer3": "3", "layer4": "4"]]
    case "torchvision.resnet", "timm.seresnet":
      [[:], ["conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"]]
    case "huggingface.mobilenet_v1", "huggingface.mobilenet_v2", "huggingface.resnet": [[:]]
    default: [[:], ["features": ""], ["features": "0"]]
    }
  }
}

/// The names of a network's tensors in a file.
struct NameScope: Sendable, Hashable {
  /// Other names for modules of the first level. An empty one leaves the module's name out.
  typealias Renaming = [String: String]

  /// The beginning of all names, with its dot.
  let prefix: String
  let renaming: Renaming

  /// The name in the file of a tensor that a library calls `name`.
  func fileName(_ name: String) -> String {
    guard let dot = name.firstIndex(of: "."), let other = renaming[String(name[..<dot])] else {
      return prefix + name
    }
    return prefix + (other.isEmpty ? String(name[dot...].dropFirst()) : other + name[dot...])
  }

  /// The modules of the prefix.
  var words: [String] { prefix.split(separator: ".").map { $0.lowercased() } }

  /// Whether the prefix is that of averaged weights, or of the network that another learns from.
  var isOfAnotherNetwork: Bool {
    words.contains { word in
      word.split { !$0.isLetter && !$0.isNumber }.contains {
        ["ema", "swa", "teacher", "target", "momentum", "averaged", "avg", "k"].contains($0)
      }
    }
  }
}

/// The layers of a network up to its feature vector, and the layers after it, by a library's names.
struct NetworkBody {
  let known: RecognizedNetwork
  let architecture: Architecture
  let graph: Graph
  let map: NameMap?
  /// The tensors up to the feature vector.
  let sources: [NameMap.Source]
  /// Those of the hidden layers of the head, and of the classifier.
  let hidden: [NameMap.Source], classifier: [NameMap.Source]

  /// - Returns: `nil` where the library has no names for the network, or it ends in no classifier.
  /// - Throws: ``ArchitectureError``, ``GraphError``.
  init?(_ known: RecognizedNetwork, _ architecture: Architecture) throws {
    self.known = known
    self.architecture = architecture
    graph = try architecture.graph()
    map = NameMap.all.first { $0.name == known.map }
    guard let all = map?.sources(for: graph) else { return nil }
    classifier = all.filter { $0.parameter.name.hasPrefix("classifier.") }
    hidden = all.filter { $0.parameter.name.hasPrefix("head.hidden.") }
    let after = Set((classifier + hidden).map(\.name))
    sources = all.filter { !after.contains($0.name) }
    guard classifier.contains(where: { $0.parameter.name == "classifier.weight" }) else { return nil }
  }

  /// The weight of the last block, whose outputs show the width.
  var widest: NameMap.Source? {
    sources.last { $0.parameter.role == .convolution && $0.parameter.name.hasPrefix("stages.") }
  }

  /// The inputs of the classifier, and those of the first layer after the body: PyTorch's `[outputs, inputs]`.
  var classifierInputs: Int { classifier.first?.shape.dimensions.dropFirst().first ?? 0 }
  var featureCount: Int { (hidden.first ?? classifier.first)?.shape.dimensions.dropFirst().first ?? 0 }

  /// The head with the classifier right after the feature vector.
  var headWithoutHidden: Head? {
    guard var head = architecture.head as? Head else { return nil }
    head.hidden = []
    return head
  }

  /// The names and shapes that a file lacks.
  func missingText(_ parameters: [String], scope: NameScope) -> String {
    let missing = Set(parameters)
    let weights = (hidden + classifier).filter {
      missing.contains($0.parameter.name) && $0.name.hasSuffix("weight")
    }
    let names = weights.map { source in
      let shape =
        source.parameter.name == "classifier.weight" ? "[classes, \(source.shape[1])]" : "\(source.shape)"
      return "\(scope.fileName(source.name)) \(shape)"
    }
    return "\(names.joined(separator: " and ")) \(names.count == 1 ? "is" : "are") missing"
  }
}

/// The width multipliers that may give a number of channels.
enum WidthSearch {
  /// Those that networks are published at.
  private static let published = [
    1, 0.75, 0.5, 0.35, 0.25, 1.4, 1.3, 0.4, 0.6, 0.8, 1.1, 1.2, 1.25, 1.5, 2, 0.125, 1.75,
  ]

  /// Multipliers near `channels` / `base`, published ones first, then multiples of 0.05, nearest first.
  static func candidates(channels: Int, at1 base: Int) -> [Double] {
    guard base > 0, channels > 0 else { return [] }
    let exact = Double(channels) / Double(base)
    // Rounding to eight channels, by at most a tenth.
    let slack = 0.1 * exact + 8 / Double(base)
    func near(_ widths: [Double]) -> [Double] {
      widths.filter { abs($0 - exact) <= slack && $0 <= 16 }.sorted { abs($0 - exact) < abs($1 - exact) }
    }
    let grid = (1...80).map { Double($0) * 5 / 100 }.filter { !published.contains($0) }
    return near(published) + near(grid) + [exact]
  }
}
