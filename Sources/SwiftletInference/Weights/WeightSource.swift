// WeightSource.swift: the table of published weights: addresses, checksums, preprocessing.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// Published weights of a network.
public struct WeightSource: Sendable, Hashable {
  /// Their name for `swiftlet pull`: the network's name, or that with a suffix where there are several.
  public let name: String
  /// The network of the zoo.
  public let network: String
  /// The source whose conventions they follow.
  public let dialect: Dialect
  /// The address of the published file.
  public let url: String
  /// The sha256 of the file in hexadecimal, or its first eight digits where the publisher states no more (they are the
  /// end of the file's name, which PyTorch checks in the same way).
  public let sha256: String
  /// The preprocessing of the weights.
  public let preprocessing: Preprocessing
  /// Published ImageNet top-1 accuracy in percent.
  public let top1: Double

  /// The file's name, as published and in the cache.
  public var fileName: String { url.split(separator: "/").last.map(String.init) ?? name }

  /// Whether a digest is the published one.
  public func matches(_ digest: String) -> Bool { digest.hasPrefix(sha256) }

  /// The weights of a name.
  public static func named(_ name: String) -> WeightSource? { all.first { $0.name == name } }

  /// The weights that a network is used with unless others are named.
  public static func preferred(for network: String) -> WeightSource? { all.first { $0.network == network } }

  /// Every source.
  public static let all: [WeightSource] = [
    torchvision(
      "mobilenet_v2", "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889", 71.878),
    torchvision("mobilenet_v2", "7ebf99e0", 72.154, version: 2),
    torchvision("mobilenet_v3_large", "8738ca79", 74.042),
    torchvision("mobilenet_v3_large", "5c1a4163", 75.274, version: 2),
    torchvision("mobilenet_v3_small", "047dcff4", 67.668),
    torchvision("resnet18", "f37072fd", 69.758),
    torchvision("resnet34", "b627a593", 73.314),
    torchvision("resnet50", "0676ba61", 76.130),
    torchvision("resnet50", "11ad3fa6", 80.858, version: 2),
    torchvision("resnet101", "63fe2227", 77.374),
    torchvision("resnet101", "cd907fc2", 81.886, version: 2),
    torchvision("resnet152", "394f9c45", 78.312),
    torchvision("resnet152", "f82ba261", 82.284, version: 2),
    torchvision("vgg16", "397923af", 71.592),
    torchvision("vgg16_bn", "6c64b313", 73.360),
    WeightSource(
      name: "se_resnet50", network: "se_resnet50", dialect: .timm,
      url: timmRelease + "v0.1-weights/seresnet50_ra_224-8efdb4bb.pth", sha256: "8efdb4bb",
      preprocessing: .timm(), top1: 80.26),
    WeightSource(
      name: "se_resnet18", network: "se_resnet18", dialect: .legacy,
      url: timmRelease + "v0.1-weights/seresnet18-4bb0ce65.pth", sha256: "4bb0ce65",
      preprocessing: .timm(), top1: 71.74),
    WeightSource(
      name: "se_resnet34", network: "se_resnet34", dialect: .legacy,
      url: timmRelease + "v0.1-weights/seresnet34-a4004e63.pth", sha256: "a4004e63",
      preprocessing: .timm(filter: .bilinear), top1: 74.79),
  ]

  private static let timmRelease = "https://github.com/rwightman/pytorch-image-models/releases/download/"

  /// torchvision's `IMAGENET1K_V1` (shorter side 256) or `_V2` (232).
  private static func torchvision(
    _ network: String, _ sha256: String, _ top1: Double, version: Int = 1
  ) -> WeightSource {
    WeightSource(
      name: version == 1 ? network : "\(network)_v\(version)", network: network, dialect: .torchvision,
      url: "https://download.pytorch.org/models/\(network)-\(sha256.prefix(8)).pth", sha256: sha256,
      preprocessing: .torchvision(resize: version == 1 ? 256 : 232), top1: top1)
  }
}
