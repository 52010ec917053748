// MobileNetV2.swift: Sandler et al. 2018, "Inverted Residuals and Linear Bottlenecks", arXiv 1801.04381.

extension Architecture {
  /// MobileNetV2, its Table 2: t, c, n, s.
  public static func mobileNetV2(_ dialect: Dialect = .paper) -> Architecture {
    Architecture(
      "mobilenet_v2", dialect: dialect, conventions: Conventions(mobileNet: dialect),
      stem: .conv(32, stride: 2, .relu6),
      stages: [
        [.mbconv(16, stride: 1, expand: .by(1), repeats: 1)],
        [.mbconv(24, stride: 2, expand: .by(6), repeats: 2)],
        [.mbconv(32, stride: 2, expand: .by(6), repeats: 3)],
        [.mbconv(64, stride: 2, expand: .by(6), repeats: 4)],
        [.mbconv(96, stride: 1, expand: .by(6), repeats: 3)],
        [.mbconv(160, stride: 2, expand: .by(6), repeats: 3)],
        [.mbconv(320, stride: 1, expand: .by(6), repeats: 1)],
      ],
      // "we do not apply the width multiplier to the very last layer" where it is below 1 (section 6.1).
      head: Head(features: 1280, featuresScaling: .upOnly, activation: .relu6, dropout: 0.2))
  }
}

extension Zoo {
  static let mobileNetV2: [ZooEntry] = [
    ZooEntry(
      "mobilenet_v2", "arXiv 1801.04381, Table 2", (72.0, "arXiv 1801.04381, Table 4"), hasWidth: true
    ) { _, dialect in .mobileNetV2(dialect) }
  ]
}
