// HuggingFaceNames.swift: state dicts of Hugging Face's transformers (modeling_mobilenet_v1.py, _v2.py, modeling_resnet.py of 4.46).

import SwiftletGraph

extension NameMap {
  /// MobileNetV1: `layer.<i>` counts depthwise and pointwise convolutions.
  static let huggingFaceMobileNetV1 = NameMap("huggingface.mobilenet_v1") { path, _ in
    switch path.part {
    case .stem(0): return convolution("conv_stem")
    case .block(_, _, let ordinal):
      switch path.layer {
      case "depthwise": return convolution("layer.\(2 * ordinal)")
      case "pointwise": return convolution("layer.\(2 * ordinal + 1)")
      default: return nil
      }
    case .classifier: return SourceLayer("classifier")
    case .stem, .features, .hidden: return nil
    }
  }

  /// MobileNetV2: the block without expansion is part of the stem.
  static let huggingFaceMobileNetV2 = NameMap("huggingface.mobilenet_v2") { path, network in
    switch path.part {
    case .stem(0): return convolution("conv_stem.first_conv")
    case .block(_, _, let ordinal):
      let block = ordinal == 0 ? "conv_stem" : "layer.\(ordinal - 1)"
      switch path.layer {
      case "expand": return convolution("\(block).expand_1x1")
      case "depthwise": return convolution("\(block).conv_3x3")
      case "project": return convolution("\(block).reduce_1x1")
      default: return nil
      }
    case .features: return convolution("conv_1x1")
    case .classifier: return SourceLayer("classifier")
    case .stem, .hidden: return nil
    }
  }

  /// resnet18 to resnet152.
  static let huggingFaceResNet = NameMap("huggingface.resnet") { path, _ in
    switch path.part {
    case .stem(0): return convolution("embedder.embedder")
    case .block(let stage, let index, _):
      let block = "encoder.stages.\(stage).layers.\(index)"
      switch path.layer {
      case "conv1": return convolution("\(block).layer.0")
      case "conv2": return convolution("\(block).layer.1")
      case "conv3": return convolution("\(block).layer.2")
      case "shortcut": return convolution("\(block).shortcut")
      default: return nil
      }
    case .classifier: return SourceLayer("classifier.1")
    case .stem, .features, .hidden: return nil
    }
  }

  /// A convolution with its norm, as all of these networks name them.
  private static func convolution(_ path: String) -> SourceLayer {
    SourceLayer("\(path).convolution", "\(path).normalization")
  }
}
