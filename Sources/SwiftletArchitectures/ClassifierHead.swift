// ClassifierHead.swift: the head of classifiers: features, pool, hidden layers, classifier.

/// The head of a classifier, after the last stage: `[N, H, W, C]` → logits `[N, classes]`.
public struct Head: HeadDefinition {
  /// The pooling of the feature map to a vector.
  public enum Pool: Sendable, Hashable, Codable {
    /// The mean over all pixels.
    case global
    /// Flattened, after pooling to that many rows and columns where they differ (VGG).
    case flatten(size: Int)
  }

  /// A last 1×1 convolution with norm: channels at α = 1, 0 for none.
  public var features: Int
  /// The rule by which its width follows α.
  public var featuresScaling: Scaling
  /// The pooling of the feature map to a vector.
  public var pool: Pool
  /// Units of the linear layers before the classifier, at α = 1.
  public var hidden: [Int]
  /// After `features` and each of `hidden`.
  public var activation: ActivationFunction
  /// The rate of dropout after each hidden layer, or before the classifier where there is none.
  public var dropout: Double

  public static let name = "classifier"
  public static let backbonePaths = ["head"]

  /// Creates a head.
  public init(
    features: Int = 0, featuresScaling: Scaling = .always, pool: Pool = .global, hidden: [Int] = [],
    activation: ActivationFunction = .relu, dropout: Double = 0
  ) {
    self.features = features
    self.featuresScaling = featuresScaling
    self.pool = pool
    self.hidden = hidden
    self.activation = activation
    self.dropout = dropout
  }

  public func apply(_ x: Value, in network: inout NetworkBuilder) throws -> [NetworkOutput] {
    var y = x
    if features > 0 {
      y = try network.row(
        TableColumns("conv 1×1", channels: features, stride: 1, activation: activation), of: y
      ) { y, network in
        try network.convolution(
          y, "head.features", channels: network.scaled(features, featuresScaling), kernel: 1,
          activation: activation)
      }
    }
    y = try network.row(pool.columns, of: y) { y, network in
      try network.scope("head") { network in
        switch pool {
        case .global: try network.globalPool(y)
        case .flatten(let size): try network.flatten(y, pooledTo: size)
        }
      }
    }
    for (index, units) in hidden.enumerated() {
      y = try network.row(TableColumns("linear", channels: units, activation: activation), of: y) {
        y, network in
        let z = try network.linear(
          y, "head.hidden.\(index)", units: network.scaled(units, network.conventions.head),
          activation: activation)
        return try network.dropout(z, rate: dropout)
      }
    }
    y = try network.row(TableColumns("linear", channels: network.classes), of: y) { y, network in
      let z = hidden.isEmpty ? try network.dropout(y, rate: dropout) : y
      return try network.linear(z, "classifier", units: network.classes)
    }
    return [NetworkOutput(PortName.logits, y)]
  }

  public func check() throws {
    for units in hidden + [features] { try BlockLimits.check("head", units, BlockLimits.channels) }
    if case .flatten(let size) = pool { try BlockLimits.check("head pool", size, BlockLimits.window) }
  }
}

extension HeadDefinition where Self == Head {
  /// Global pool and classifier.
  public static var pooled: Head { Head() }

  /// MobileNetV3's: 1×1 convolution, pool, a hidden layer without norm, classifier (arXiv 1905.02244, section 5.1).
  public static func mobileNetV3(
    features: Int, classifier: Int, _ activation: ActivationFunction = .hardSwish
  ) -> Head {
    Head(features: features, hidden: [classifier], activation: activation, dropout: 0.2)
  }
}

extension Head.Pool {
  fileprivate var columns: TableColumns {
    switch self {
    case .global: TableColumns("global average pool")
    case .flatten(let size): TableColumns("pool to \(size)×\(size), flatten")
    }
  }
}
