// TimmNames.swift: timm's state dicts (efficientnet.py, mobilenetv3.py, resnet.py, senet.py of 1.0.29).

import SwiftletGraph

extension NameMap {
  /// mobilenetv1_*, mobilenetv2_*, mobilenetv3_*, tf_mobilenetv3_* and mobilenet_edgetpu_*: `blocks.<s>.<b>`, with norms
  /// numbered in order.
  static let timmMobileNet = NameMap("timm.mobilenet") { path, network in
    switch path.part {
    case .stem(0): return SourceLayer("conv_stem", "bn1")
    case .block(let stage, let index, _):
      let block = "blocks.\(stage).\(index)"
      let expands = network.has("expand", besides: path)
      let hasDepthwise = network.has("depthwise", besides: path)
      func layer(_ name: String, _ norm: Int) -> SourceLayer {
        SourceLayer("\(block).\(name)", "\(block).bn\(norm)")
      }
      switch path.layer {
      case "": return layer("conv", 1)
      case "expand": return layer(hasDepthwise ? "conv_pw" : "conv_exp", 1)
      case "depthwise": return layer("conv_dw", expands ? 2 : 1)
      case "squeeze.reduce": return SourceLayer("\(block).se.conv_reduce")
      case "squeeze.expand": return SourceLayer("\(block).se.conv_expand")
      case "pointwise": return layer("conv_pw", 2)
      case "project": return layer(expands ? "conv_pwl" : "conv_pw", expands && hasDepthwise ? 3 : 2)
      default: return nil
      }
    case .features:
      // MobileNetV3 has its last convolution among the blocks and its hidden layer as the head.
      guard network.has(.hidden(0)) else { return SourceLayer("conv_head", "bn2") }
      let block = "blocks.\(network.blocksPerStage.count).0"
      return SourceLayer("\(block).conv", "\(block).bn1")
    case .hidden(0): return SourceLayer("conv_head")
    case .classifier: return SourceLayer("classifier")
    case .stem, .hidden: return nil
    }
  }

  /// seresnet18 to seresnet152.
  static let timmSEResNet = NameMap("timm.seresnet") { path, _ in
    residual(path, stem: { $0 == 0 ? SourceLayer("conv1", "bn1") : nil }, squeeze: "se", classifier: "fc")
  }

  /// legacy_seresnet*, legacy_seresnext* and legacy_senet154.
  static let timmLegacySENet = NameMap("timm.legacy_senet") { path, _ in
    residual(
      path, stem: { SourceLayer("layer0.conv\($0 + 1)", "layer0.bn\($0 + 1)") }, squeeze: "se_module",
      classifier: "last_linear")
  }
}
