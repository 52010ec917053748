// MobileNetEdgeTPU.swift: the V3-era network for accelerators (TensorFlow slim, V3_EDGETPU): fused early blocks, ReLU
// everywhere, no SE.

extension Architecture {
  /// MobileNet-EdgeTPU 1.0.
  public static func mobileNetEdgeTPU(_ dialect: Dialect = .paper) -> Architecture {
    Architecture(
      "mobilenet_edgetpu", dialect: dialect, conventions: Conventions(mobileNet: dialect),
      stem: .conv(32, stride: 2),
      stages: [
        [.conv(16, kernel: 1)],
        [.fused(32, stride: 2, expand: .by(8)), .fused(32, expand: .by(4), repeats: 3)],
        [.fused(48, stride: 2, expand: .by(8)), .fused(48, expand: .by(4), repeats: 3)],
        [.mbconv(96, stride: 2, expand: .by(8), .relu), .mbconv(96, expand: .by(4), .relu, repeats: 3)],
        [
          // The first block keeps shape and still has no shortcut.
          .mbconv(96, expand: .by(8), .relu, hasShortcut: false),
          .mbconv(96, expand: .by(4), .relu, repeats: 3),
        ],
        [
          .mbconv(160, kernel: 5, stride: 2, expand: .by(8), .relu),
          .mbconv(160, kernel: 5, expand: .by(4), .relu, repeats: 3),
        ],
        [.mbconv(192, expand: .by(8), .relu)],
      ],
      head: Head(features: 1280, featuresScaling: .upOnly, dropout: 0.2))
  }
}

extension Zoo {
  static let mobileNetEdgeTPU: [ZooEntry] = [
    ZooEntry("mobilenet_edgetpu", "TensorFlow slim, V3_EDGETPU", hasWidth: true) { _, dialect in
      .mobileNetEdgeTPU(dialect)
    }
  ]
}
