// MobileNetV3.swift: Howard et al. 2019, "Searching for MobileNetV3", arXiv 1905.02244 v5.

extension Architecture {
  /// MobileNetV3-Large, its Table 1: kernel, exp size, out, SE, NL, s.
  ///
  /// - Parameter minimalistic: the same widths without SE, with ReLU and 3×3 kernels only (TensorFlow slim).
  public static func mobileNetV3Large(_ dialect: Dialect = .paper, minimalistic: Bool = false) -> Architecture
  {
    let (k5, hs, se) = v3Parts(minimalistic)
    return v3(
      "mobilenet_v3_large", dialect, minimalistic,
      stages: [
        [.mbconv(16, kernel: 3, stride: 1, expand: .to(16), .relu)],
        [
          .mbconv(24, kernel: 3, stride: 2, expand: .to(64), .relu),
          .mbconv(24, kernel: 3, stride: 1, expand: .to(72), .relu),
        ],
        [
          .mbconv(40, kernel: k5, stride: 2, expand: .to(72), squeeze: se, .relu),
          .mbconv(40, kernel: k5, stride: 1, expand: .to(120), squeeze: se, .relu),
          .mbconv(40, kernel: k5, stride: 1, expand: .to(120), squeeze: se, .relu),
        ],
        [
          .mbconv(80, kernel: 3, stride: 2, expand: .to(240), hs),
          .mbconv(80, kernel: 3, stride: 1, expand: .to(200), hs),
          .mbconv(80, kernel: 3, stride: 1, expand: .to(184), hs),
          .mbconv(80, kernel: 3, stride: 1, expand: .to(184), hs),
        ],
        [
          .mbconv(112, kernel: 3, stride: 1, expand: .to(480), squeeze: se, hs),
          .mbconv(112, kernel: 3, stride: 1, expand: .to(672), squeeze: se, hs),
        ],
        [
          .mbconv(160, kernel: k5, stride: 2, expand: .to(672), squeeze: se, hs),
          .mbconv(160, kernel: k5, stride: 1, expand: .to(960), squeeze: se, hs),
          .mbconv(160, kernel: k5, stride: 1, expand: .to(960), squeeze: se, hs),
        ],
      ],
      head: .mobileNetV3(features: 960, classifier: 1280, hs))
  }

  /// MobileNetV3-Small, its Table 2. The table's SE tick on the last 1×1 convolution is in no released code; the
  /// hidden layer has 1024 units (the 1280 of the first preprint is the "2.9M, 66M" that other pages quote).
  ///
  /// - Parameter minimalistic: the same widths without SE, with ReLU and 3×3 kernels only (TensorFlow slim).
  public static func mobileNetV3Small(_ dialect: Dialect = .paper, minimalistic: Bool = false) -> Architecture
  {
    let (k5, hs, se) = v3Parts(minimalistic)
    return v3(
      "mobilenet_v3_small", dialect, minimalistic,
      stages: [
        [.mbconv(16, kernel: 3, stride: 2, expand: .to(16), squeeze: se, .relu)],
        [
          .mbconv(24, kernel: 3, stride: 2, expand: .to(72), .relu),
          .mbconv(24, kernel: 3, stride: 1, expand: .to(88), .relu),
        ],
        [
          .mbconv(40, kernel: k5, stride: 2, expand: .to(96), squeeze: se, hs),
          .mbconv(40, kernel: k5, stride: 1, expand: .to(240), squeeze: se, hs),
          .mbconv(40, kernel: k5, stride: 1, expand: .to(240), squeeze: se, hs),
        ],
        [
          .mbconv(48, kernel: k5, stride: 1, expand: .to(120), squeeze: se, hs),
          .mbconv(48, kernel: k5, stride: 1, expand: .to(144), squeeze: se, hs),
        ],
        [
          .mbconv(96, kernel: k5, stride: 2, expand: .to(288), squeeze: se, hs),
          .mbconv(96, kernel: k5, stride: 1, expand: .to(576), squeeze: se, hs),
          .mbconv(96, kernel: k5, stride: 1, expand: .to(576), squeeze: se, hs),
        ],
      ],
      head: .mobileNetV3(features: 576, classifier: 1024, hs))
  }

  private static func v3Parts(_ minimalistic: Bool) -> (kernel: Int, ActivationFunction, SqueezeExcite?) {
    minimalistic ? (3, .relu, nil) : (5, .hardSwish, .mobileNetV3)
  }

  private static func v3(
    _ name: String, _ dialect: Dialect, _ minimalistic: Bool, stages: [[Row]], head: Head
  ) -> Architecture {
    var conventions = Conventions(mobileNet: dialect)
    switch dialect {
    case .paper, .tensorflow, .legacy:
      (conventions.stem, conventions.head) = (.never, .upOnly)
    case .torchvision:
      (conventions.epsilon, conventions.momentum) = (1e-3, 0.01)
      (conventions.expand, conventions.head) = (.scaledTable, .always)
    case .timm:
      (conventions.stem, conventions.head) = (.unlessNarrow, .never)
    }
    return Architecture(
      minimalistic ? name + "_minimalistic" : name, dialect: dialect, conventions: conventions,
      stem: .conv(16, stride: 2, minimalistic ? .relu : .hardSwish), stages: stages, head: head)
  }
}

extension Zoo {
  static let mobileNetV3: [ZooEntry] = [
    ZooEntry(
      "mobilenet_v3_large", "arXiv 1905.02244, Table 1", (75.2, "arXiv 1905.02244 v5, Table 3"),
      hasWidth: true
    ) { _, dialect in .mobileNetV3Large(dialect) },
    ZooEntry(
      "mobilenet_v3_small", "arXiv 1905.02244, Table 2", (67.4, "arXiv 1905.02244 v5, Table 3"),
      hasWidth: true
    ) { _, dialect in .mobileNetV3Small(dialect) },
    ZooEntry(
      "mobilenet_v3_large_minimalistic", "TensorFlow slim", (72.3, "TensorFlow slim"), hasWidth: true
    ) { _, dialect in .mobileNetV3Large(dialect, minimalistic: true) },
    ZooEntry(
      "mobilenet_v3_small_minimalistic", "TensorFlow slim", (61.9, "TensorFlow slim"), hasWidth: true
    ) { _, dialect in .mobileNetV3Small(dialect, minimalistic: true) },
  ]
}
