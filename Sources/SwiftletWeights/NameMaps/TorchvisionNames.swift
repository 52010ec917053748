// TorchvisionNames.swift: torchvision's state dicts (mobilenetv2.py, mobilenetv3.py, resnet.py, vgg.py of 0.28).

import SwiftletGraph

extension NameMap {
  /// mobilenet_v2: `features.<i>` are stem, blocks and last convolution; a block is `conv.<j>`, where all but the
  /// projection are nested one deeper.
  static let torchvisionMobileNetV2 = NameMap("torchvision.mobilenet_v2") { path, network in
    switch path.part {
    case .stem(0): return SourceLayer("features.0.0", "features.0.1")
    case .block(_, _, let ordinal):
      let block = "features.\(ordinal + 1).conv"
      let depthwise = network.has("expand", besides: path) ? 1 : 0
      switch path.layer {
      case "expand": return SourceLayer("\(block).0.0", "\(block).0.1")
      case "depthwise": return SourceLayer("\(block).\(depthwise).0", "\(block).\(depthwise).1")
      case "project": return SourceLayer("\(block).\(depthwise + 1)", "\(block).\(depthwise + 2)")
      default: return nil
      }
    case .features:
      let last = "features.\(network.blockCount + 1)"
      return SourceLayer("\(last).0", "\(last).1")
    case .classifier: return SourceLayer("classifier.1")
    case .stem, .hidden: return nil
    }
  }

  /// mobilenet_v3_large and _small: `features.<i>.block.<j>`, where j counts the layers that the block has.
  static let torchvisionMobileNetV3 = NameMap("torchvision.mobilenet_v3") { path, network in
    switch path.part {
    case .stem(0): return SourceLayer("features.0.0", "features.0.1")
    case .block(_, _, let ordinal):
      let block = "features.\(ordinal + 1).block"
      let depthwise = network.has("expand", besides: path) ? 1 : 0
      let project = depthwise + (network.has("squeeze.reduce", besides: path) ? 2 : 1)
      switch path.layer {
      case "expand": return SourceLayer("\(block).0.0", "\(block).0.1")
      case "depthwise": return SourceLayer("\(block).\(depthwise).0", "\(block).\(depthwise).1")
      case "squeeze.reduce": return SourceLayer("\(block).\(depthwise + 1).fc1")
      case "squeeze.expand": return SourceLayer("\(block).\(depthwise + 1).fc2")
      case "project": return SourceLayer("\(block).\(project).0", "\(block).\(project).1")
      default: return nil
      }
    case .features:
      let last = "features.\(network.blockCount + 1)"
      return SourceLayer("\(last).0", "\(last).1")
    case .hidden(0): return SourceLayer("classifier.0")
    case .classifier: return SourceLayer("classifier.3")
    case .stem, .hidden: return nil
    }
  }

  /// resnet18 to resnet152: `layer<s>.<b>.conv<n>`.
  static let torchvisionResNet = NameMap("torchvision.resnet") { path, _ in
    residual(path, stem: { $0 == 0 ? SourceLayer("conv1", "bn1") : nil }, squeeze: nil, classifier: "fc")
  }

  /// vgg16 and vgg16_bn: `features.<i>` counts convolutions, norms, activations and pools.
  static let torchvisionVGG = NameMap("torchvision.vgg", flattened: 7) { path, network in
    switch path.part {
    case .block(let stage, let index, _):
      guard path.layer.isEmpty else { return nil }
      let perConvolution = network.hasNorms ? 3 : 2
      let before = network.blocksPerStage[..<stage].reduce(0) { $0 + $1 * perConvolution + 1 }
      let position = before + index * perConvolution
      return SourceLayer("features.\(position)", "features.\(position + 1)")
    case .hidden(let index): return SourceLayer("classifier.\(3 * index)")
    case .classifier: return SourceLayer("classifier.6")
    case .stem, .features: return nil
    }
  }

  /// The names that the residual networks of torchvision and timm share.
  static func residual(
    _ path: LayerPath, stem: (Int) -> SourceLayer?, squeeze: String?, classifier: String
  ) -> SourceLayer? {
    switch path.part {
    case .stem(let index): return stem(index)
    case .block(let stage, let index, _):
      let block = "layer\(stage + 1).\(index)"
      switch path.layer {
      case "conv1", "conv2", "conv3":
        return SourceLayer("\(block).\(path.layer)", "\(block).bn\(path.layer.suffix(1))")
      case "shortcut": return SourceLayer("\(block).downsample.0", "\(block).downsample.1")
      case "squeeze.reduce": return squeeze.map { SourceLayer("\(block).\($0).fc1") }
      case "squeeze.expand": return squeeze.map { SourceLayer("\(block).\($0).fc2") }
      default: return nil
      }
    case .classifier: return SourceLayer(classifier)
    case .features, .hidden: return nil
    }
  }
}

extension NetworkLayers {
  /// Whether any layer has a batch norm.
  var hasNorms: Bool { parameters.contains { $0.spec.role == .normScale } }
}
