// Zoo.swift: the list of all networks: their names on the command line, and their published accuracies.

import SwiftletCore

/// Changes to a network of the zoo; `nil` keeps the network's own value.
public struct ZooOptions: Sendable, Hashable {
  /// The source of the conventions.
  public var dialect: Dialect?
  /// The width multiplier α.
  public var width: Double?
  /// Pixels a side.
  public var resolution: Int?
  /// Classes.
  public var classes: Int?

  /// Creates options.
  public init(
    dialect: Dialect? = nil, width: Double? = nil, resolution: Int? = nil, classes: Int? = nil
  ) {
    self.dialect = dialect
    self.width = width
    self.resolution = resolution
    self.classes = classes
  }
}

/// A published accuracy, with where it is from.
public struct Published: Sendable, Hashable, Codable {
  /// Top-1 accuracy in percent: ImageNet validation, single center crop; CIFAR-10 test set for `cifar_*`.
  public var top1: Double
  /// The table or release that it is from.
  public var source: String
}

/// The images that a network's published weights were trained on.
public enum ImageSet: String, Sendable, Hashable, Codable {
  /// ImageNet's 1000 classes.
  case imageNet
  /// CIFAR-10: 32×32 pixels, ten classes.
  case cifar10
}

/// A network of the zoo.
public struct ZooEntry: Sendable {
  /// Its name on the command line and in files.
  public let name: String
  /// The paper that defines it.
  public let paper: String
  /// Accuracy at the default width and resolution, where one was published.
  public let published: Published?
  /// Whether it has a width multiplier.
  public let hasWidth: Bool
  /// The images that its published weights were trained on.
  public let images: ImageSet
  /// Dialects whose published weights take pixels in −1…1, where others of the dialect take ImageNet's statistics.
  public let symmetricInputs: [Dialect]
  let make: @Sendable (String, Dialect) -> Architecture

  init(
    _ name: String, _ paper: String, _ published: (Double, String)? = nil, hasWidth: Bool = false,
    images: ImageSet = .imageNet, symmetricInputs: [Dialect] = [],
    _ make: @escaping @Sendable (String, Dialect) -> Architecture
  ) {
    self.name = name
    self.paper = paper
    self.published = published.map { Published(top1: $0.0, source: $0.1) }
    self.hasWidth = hasWidth
    self.images = images
    self.symmetricInputs = symmetricInputs
    self.make = make
  }

  /// The network, with options applied and checked.
  ///
  /// - Throws: ``ArchitectureError`` naming the option that does not fit.
  public func architecture(_ options: ZooOptions = ZooOptions()) throws -> Architecture {
    var architecture = make(name, options.dialect ?? .paper)
    if let width = options.width {
      guard hasWidth || width == 1 || !(width > 0) else { throw ArchitectureError.noWidth(network: name) }
      architecture.width = width
    }
    if let resolution = options.resolution { architecture.resolution = resolution }
    if let classes = options.classes { architecture.classes = classes }
    try architecture.check()
    return architecture
  }
}

/// Every network that Swiftlet defines.
public enum Zoo {
  /// All networks, family by family.
  public static let entries: [ZooEntry] =
    mobileNetV1 + mobileNetV2 + mobileNetV3 + mobileNetEdgeTPU + resNets + seNets + vggs + cifarNetworks

  /// The entry of a name.
  ///
  /// - Throws: ``ArchitectureError/unknownName(_:nearest:)``.
  public static func entry(named name: String) throws -> ZooEntry {
    if let entry = entries.first(where: { $0.name == name }) { return entry }
    throw ArchitectureError.unknownName(name, nearest: nearest(to: name))
  }

  /// The network of a name, with options. Behind the name may be changes: `mobilenet_v1@0.5:160`, `mobilenet_v2+relu+no-shortcut`, see
  /// ``Ablation``.
  ///
  /// - Throws: ``ArchitectureError``.
  public static func architecture(_ name: String, _ options: ZooOptions = ZooOptions()) throws -> Architecture
  {
    name.contains("@") || name.contains("+")
      ? try variant(name, options) : try entry(named: name).architecture(options)
  }

  /// The name with the fewest edits, if they are few.
  static func nearest(to name: String) -> String? {
    let plain = name.prefix(64).lowercased().filter { $0.isLetter || $0.isNumber }
    let scored = entries.map { entry in
      (entry.name, NearestName.distance(plain, entry.name.filter { $0 != "_" }))
    }
    guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(2, plain.count / 3) else { return nil }
    return best.0
  }
}

extension Architecture {
  /// The same network in another form: `.mobileNetV2.with(width: 0.75, resolution: 160)`.
  public func with(width: Double? = nil, resolution: Int? = nil, classes: Int? = nil) -> Architecture {
    var copy = self
    copy.width = width ?? self.width
    copy.resolution = resolution ?? self.resolution
    copy.classes = classes ?? self.classes
    return copy
  }
}
