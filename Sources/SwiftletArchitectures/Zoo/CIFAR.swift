// CIFAR.swift: networks for 32×32 images and ten classes.

extension Architecture {
  /// ResNet-20, -56 or -110 (arXiv 1512.03385, section 4.2): 6n + 2 layers, shortcuts without parameters.
  public static func cifarResNet(_ depth: Int, _ dialect: Dialect = .paper, squeeze: SqueezeExcite? = nil)
    -> Architecture
  {
    let n = (depth - 2) / 6
    return cifar(
      "cifar_\(squeeze == nil ? "" : "se_")resnet\(depth)", dialect, stem: .conv(16),
      stages: zip([16, 32, 64], [1, 2, 2]).map { channels, stride in
        [.basic(channels, stride: stride, shortcut: .padded, squeeze: squeeze, repeats: n)]
      })
  }

  /// ResNet-18's blocks behind a 3×3 stem of stride 1.
  public static func cifarResNet18(_ dialect: Dialect = .paper, squeeze: SqueezeExcite? = nil) -> Architecture
  {
    cifar(
      "cifar_\(squeeze == nil ? "" : "se_")resnet18", dialect, stem: .conv(64),
      stages: zip([64, 128, 256, 512], [1, 2, 2, 2]).map { channels, stride in
        [.basic(channels, stride: stride, squeeze: squeeze, repeats: 2)]
      })
  }

  /// Any network of the zoo with a stem of stride 1, for 32×32 images and ten classes.
  public func forCIFAR() -> Architecture {
    var network = with(resolution: 32, classes: 10).named("cifar_\(name)")
    network.stem = stem.map { row in
      var row = row
      row.block.stride = 1
      return row
    }
    return network
  }

  private static func cifar(_ name: String, _ dialect: Dialect, stem: Row, stages: [[Row]]) -> Architecture {
    Architecture(
      name, dialect: dialect, stem: stem, stages: stages, head: .pooled, classes: 10, resolution: 32)
  }
}

extension Zoo {
  static let cifarNetworks: [ZooEntry] =
    [
      ZooEntry("cifar_resnet18", "arXiv 1512.03385, 3×3 stem", images: .cifar10) { _, dialect in
        .cifarResNet18(dialect)
      },
      ZooEntry("cifar_se_resnet18", "arXiv 1709.01507, 3×3 stem", images: .cifar10) { _, dialect in
        .cifarResNet18(dialect, squeeze: .senet)
      },
    ]
    + [20, 56, 110].flatMap { depth in
      [
        ZooEntry(
          "cifar_resnet\(depth)", "arXiv 1512.03385, section 4.2",
          depth == 110 ? (93.63, "arXiv 1709.01507, Table 4") : nil, images: .cifar10
        ) { _, dialect in .cifarResNet(depth, dialect) },
        ZooEntry(
          "cifar_se_resnet\(depth)", "arXiv 1709.01507, section 5.2",
          depth == 110 ? (94.79, "arXiv 1709.01507, Table 4") : nil, images: .cifar10
        ) { _, dialect in .cifarResNet(depth, dialect, squeeze: .senet) },
      ]
    }
    + (mobileNetV1 + mobileNetV2 + mobileNetV3)
    .filter {
      ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"].contains($0.name)
    }
    .map { entry in
      ZooEntry("cifar_\(entry.name)", "\(entry.paper), stride-1 stem", hasWidth: true, images: .cifar10) {
        _, dialect in
        entry.make(entry.name, dialect).forCIFAR()
      }
    }
}
