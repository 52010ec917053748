// VGG.swift: Simonyan and Zisserman 2014, arXiv 1409.1556, Table 1, column D: the MobileNet papers' baseline.

extension Architecture {
  /// VGG-16, without batch norm as in the paper, or with it (and with the biases that torchvision then still has).
  public static func vgg16(_ dialect: Dialect = .paper, normalized: Bool = false) -> Architecture {
    func conv(_ channels: Int, _ repeats: Int) -> [Row] {
      [
        Row(
          ConvolutionBlock(
            channels: channels, kernel: 3, stride: 1, activation: .relu, normalized: normalized,
            hasBias: true), repeats: repeats),
        .maxPool(kernel: 2, stride: 2),
      ]
    }
    return Architecture(
      normalized ? "vgg16_bn" : "vgg16", dialect: dialect, stem: [Row](),
      stages: [conv(64, 2), conv(128, 2), conv(256, 3), conv(512, 3), conv(512, 3)],
      head: Head(pool: .flatten(size: 7), hidden: [4096, 4096], dropout: 0.5))
  }
}

extension Zoo {
  static let vggs: [ZooEntry] = [
    ZooEntry("vgg16", "arXiv 1409.1556, Table 1 D", (71.5, "arXiv 1704.04861, Table 8")) { _, dialect in
      .vgg16(dialect)
    },
    ZooEntry("vgg16_bn", "arXiv 1409.1556, Table 1 D", (73.36, "torchvision IMAGENET1K_V1")) {
      _, dialect in .vgg16(dialect, normalized: true)
    },
  ]
}
