// MobileNetV1.swift: Howard et al. 2017, "MobileNets", arXiv 1704.04861.

extension Architecture {
  /// MobileNetV1, its Table 1.
  ///
  /// The table prints stride 2 on the last depthwise convolution; that is a known typo (its input and output are
  /// both 7×7). The paper writes ReLU; all released code has ReLU6.
  public static func mobileNetV1(_ dialect: Dialect = .paper, squeeze: SqueezeExcite? = nil) -> Architecture {
    let act = v1Activation(dialect)
    return v1(
      "mobilenet_v1", dialect,
      stages: [
        [.separable(64, stride: 1, act, squeeze: squeeze)],
        [
          .separable(128, stride: 2, act, squeeze: squeeze),
          .separable(128, stride: 1, act, squeeze: squeeze),
        ],
        [
          .separable(256, stride: 2, act, squeeze: squeeze),
          .separable(256, stride: 1, act, squeeze: squeeze),
        ],
        [
          .separable(512, stride: 2, act, squeeze: squeeze),
          .separable(512, stride: 1, act, squeeze: squeeze, repeats: 5),
        ],
        [
          .separable(1024, stride: 2, act, squeeze: squeeze),
          .separable(1024, stride: 1, act, squeeze: squeeze),
        ],
      ])
  }

  /// The full-convolution twin of Table 4: every depthwise separable layer is one dense 3×3 convolution.
  public static func mobileNetV1FullConvolution(_ dialect: Dialect = .paper) -> Architecture {
    let act = v1Activation(dialect)
    return v1(
      "mobilenet_v1_full_conv", dialect,
      stages: [
        [.conv(64, stride: 1, act)],
        [.conv(128, stride: 2, act), .conv(128, stride: 1, act)],
        [.conv(256, stride: 2, act), .conv(256, stride: 1, act)],
        [.conv(512, stride: 2, act), .conv(512, stride: 1, act, repeats: 5)],
        [.conv(1024, stride: 2, act), .conv(1024, stride: 1, act)],
      ])
  }

  /// The shallow network of Table 5: without the five 14×14×512 layers.
  public static func mobileNetV1Shallow(_ dialect: Dialect = .paper) -> Architecture {
    var network = mobileNetV1(dialect)
    network.name = "mobilenet_v1_shallow"
    network.stages[3].removeLast()
    return network
  }

  private static func v1Activation(_ dialect: Dialect) -> ActivationFunction {
    dialect == .paper ? .relu : .relu6
  }

  private static func v1(_ name: String, _ dialect: Dialect, stages: [[Row]]) -> Architecture {
    var conventions = Conventions(mobileNet: dialect)
    conventions.width = .truncated
    if conventions.padding == .same { conventions.momentum = 3e-4 }  // slim's decay of 0.9997
    return Architecture(
      name, dialect: dialect, conventions: conventions,
      stem: .conv(32, stride: 2, v1Activation(dialect)), stages: stages, head: Head(dropout: 0.001))
  }
}

extension Zoo {
  static let mobileNetV1: [ZooEntry] = [
    ZooEntry(
      "mobilenet_v1", "arXiv 1704.04861, Table 1", (70.6, "arXiv 1704.04861, Table 4"), hasWidth: true,
      symmetricInputs: [.timm]
    ) { _, dialect in .mobileNetV1(dialect) },
    ZooEntry(
      "mobilenet_v1_full_conv", "arXiv 1704.04861, Table 4", (71.7, "arXiv 1704.04861, Table 4"),
      hasWidth: true
    ) { _, dialect in .mobileNetV1FullConvolution(dialect) },
    ZooEntry(
      "mobilenet_v1_shallow", "arXiv 1704.04861, Table 5", (65.3, "arXiv 1704.04861, Table 5"),
      hasWidth: true
    ) { _, dialect in .mobileNetV1Shallow(dialect) },
    ZooEntry(
      "se_mobilenet_v1", "arXiv 1709.01507, Table 3", (74.7, "arXiv 1709.01507, Table 3"), hasWidth: true
    ) { name, dialect in .mobileNetV1(dialect, squeeze: .senetWithoutBias).named(name) },
  ]
}

extension Architecture {
  /// The same architecture under another name.
  func named(_ name: String) -> Architecture {
    var copy = self
    copy.name = name
    return copy
  }
}
