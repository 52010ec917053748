// ResNet.swift: He et al. 2015, "Deep Residual Learning", arXiv 1512.03385, Table 1; with SENet's gates
// (arXiv 1709.01507, Table 1), ResNeXt's groups (arXiv 1611.05431) and SENet-154.

/// The depths of Table 1: blocks in each of the four stages.
private let depths: [Int: [Int]] = [
  18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3],
]

extension Architecture {
  /// ResNet-18 or -34 (basic blocks), -50, -101 or -152 (bottlenecks), with a gate in every block if `squeeze` is given.
  ///
  /// The paper and the Caffe release have the stride of a bottleneck on its first 1×1 convolution; torchvision and
  /// timm on the 3×3. SENet's section 6 leaves out biases in the gates; every release has them, and so has the count
  /// that is compared everywhere (28,088,024 for SE-ResNet-50).
  public static func resNet(
    _ depth: Int, _ dialect: Dialect = .paper, squeeze: SqueezeExcite? = nil,
    placement: SqueezePlacement = .standard
  ) -> Architecture {
    let n = depths[depth] ?? []
    let stages: [[Row]] = zip([64, 128, 256, 512], n).enumerated().map { stage, shape in
      let (channels, repeats) = shape
      let stride = stage == 0 ? 1 : 2
      return depth < 50
        ? [.basic(channels, stride: stride, squeeze: squeeze, placement: placement, repeats: repeats)]
        : [
          .bottleneck(
            4 * channels, reduce: channels, stride: stride, squeeze: squeeze, placement: placement,
            repeats: repeats)
        ]
    }
    let name = (squeeze == nil ? "resnet\(depth)" : "se_resnet\(depth)")
    return Architecture(
      placement == .standard ? name : "\(name)_\(placement.rawValue)", dialect: dialect,
      conventions: resNetConventions(dialect),
      stem: [.conv(64, kernel: 7, stride: 2), .maxPool(kernel: 3, stride: 2)], stages: stages, head: .pooled)
  }

  /// SE-ResNeXt-50 32×4d: 32 groups of 4 channels.
  public static func seResNeXt50(_ dialect: Dialect = .paper) -> Architecture {
    let stages: [[Row]] = zip([64, 128, 256, 512], [3, 4, 6, 3]).enumerated().map { stage, shape in
      let (channels, repeats) = shape
      return [
        .bottleneck(
          4 * channels, reduce: 2 * channels, groups: 32, stride: stage == 0 ? 1 : 2,
          alwaysStridesSpatial: true, squeeze: .senet, repeats: repeats)
      ]
    }
    return Architecture(
      "se_resnext50_32x4d", dialect: dialect, conventions: resNetConventions(dialect),
      stem: [.conv(64, kernel: 7, stride: 2), .maxPool(kernel: 3, stride: 2)], stages: stages, head: .pooled)
  }

  /// SENet-154 (arXiv 1709.01507, appendix): SE-ResNeXt-152 64×4d with the first 1×1 halved, three 3×3 convolutions as
  /// its stem, 3×3 projections where the stride is 2, and dropout.
  public static func senet154(_ dialect: Dialect = .paper) -> Architecture {
    let stages: [[Row]] = zip([64, 128, 256, 512], [3, 8, 36, 3]).enumerated().map { stage, shape in
      let (channels, repeats) = shape
      return [
        .bottleneck(
          4 * channels, reduce: 2 * channels, spatial: 4 * channels, groups: 64,
          stride: stage == 0 ? 1 : 2, alwaysStridesSpatial: true, shortcut: .projection(kernel: 3),
          squeeze: .senet, repeats: repeats)
      ]
    }
    return Architecture(
      "senet154", dialect: dialect, conventions: resNetConventions(dialect),
      stem: [.conv(64, stride: 2), .conv(64), .conv(128), .maxPool(kernel: 3, stride: 2)],
      stages: stages, head: Head(dropout: 0.2))
  }

  private static func resNetConventions(_ dialect: Dialect) -> Conventions {
    var conventions = Conventions(dialect)
    let caffe = dialect == .paper || dialect == .legacy
    conventions.stridesFirst = caffe
    if caffe { conventions.poolPadding = .ceiling }
    conventions.roundsSqueeze = dialect == .timm
    conventions.activatesBeforeSqueeze = dialect == .legacy
    return conventions
  }
}

extension Zoo {
  static let resNets: [ZooEntry] = zip(
    [18, 34, 50, 101, 152],
    [
      (69.758, "torchvision IMAGENET1K_V1"), (73.314, "torchvision IMAGENET1K_V1"),
      (75.20, "arXiv 1709.01507, Table 2"), (76.83, "arXiv 1709.01507, Table 2"),
      (77.58, "arXiv 1709.01507, Table 2"),
    ]
  ).map { depth, published in
    ZooEntry("resnet\(depth)", "arXiv 1512.03385, Table 1", published) { _, dialect in
      .resNet(depth, dialect)
    }
  }

  static let seNets: [ZooEntry] =
    zip(
      [18, 34, 50, 101, 152],
      [
        (71.74, "timm legacy_seresnet18"), (74.79, "timm legacy_seresnet34"),
        (76.71, "arXiv 1709.01507, Table 2"), (77.62, "arXiv 1709.01507, Table 2"),
        (78.43, "arXiv 1709.01507, Table 2"),
      ]
    ).map { depth, published in
      ZooEntry("se_resnet\(depth)", "arXiv 1709.01507, Table 1", published) { _, dialect in
        .resNet(depth, dialect, squeeze: .senet)
      }
    }
    + [(SqueezePlacement.pre, 77.77), (.post, 77.22), (.identity, 77.80), (.spatial, 77.52)].map {
      placement, top1 in
      ZooEntry(
        "se_resnet50_\(placement.rawValue)", "arXiv 1709.01507, Figure 5",
        (top1, "arXiv 1709.01507, section 6.5")
      ) { _, dialect in .resNet(50, dialect, squeeze: .senet, placement: placement) }
    }
    + [
      ZooEntry(
        "se_resnext50_32x4d", "arXiv 1709.01507, Table 1", (78.90, "arXiv 1709.01507, Table 2")
      ) { _, dialect in .seResNeXt50(dialect) },
      ZooEntry("senet154", "arXiv 1709.01507, appendix", (81.32, "arXiv 1709.01507, Table 8")) {
        _, dialect in .senet154(dialect)
      },
    ]
}
