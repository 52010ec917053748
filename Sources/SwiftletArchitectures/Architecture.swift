// Architecture.swift: a network as a value: the paper's table, and the conventions of one source.

/// What follows the last stage: `[N, H, W, C]` → logits `[N, classes]`.
public struct Head: Sendable, Hashable, Codable {
  /// How the feature map becomes a vector.
  public enum Pool: Sendable, Hashable, Codable {
    /// The mean over all pixels.
    case global
    /// Flattened, after pooling to that many rows and columns where they differ (VGG).
    case flatten(size: Int)
  }

  /// A last 1×1 convolution with norm: channels at α = 1, 0 for none.
  public var features: Int
  /// How its width follows α.
  public var featuresScaling: Scaling
  /// How the feature map becomes a vector.
  public var pool: Pool
  /// Units of the linear layers before the classifier, at α = 1.
  public var hidden: [Int]
  /// After `features` and each of `hidden`.
  public var activation: ActivationFunction
  /// The rate of dropout after each hidden layer, or before the classifier where there is none.
  public var dropout: Double

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

  /// Global pool and classifier.
  public static let pooled = Head()

  /// MobileNetV3's: 1×1 convolution, pool, a hidden layer without norm, classifier (arXiv 1905.02244, section 5.1).
  public static func mobileNetV3(
    features: Int, classifier: Int, _ activation: ActivationFunction = .hardSwish
  ) -> Head {
    Head(features: features, hidden: [classifier], activation: activation, dropout: 0.2)
  }
}

/// A network: stem, stages and head as the paper's table has them, under one source's conventions.
///
/// An architecture is a small value: print it (``summary(layers:)``), store it (it is `Codable`), change it, and make
/// graphs of it (``graph(batch:mode:regularization:)``). Channels are those of the table, at α = 1.
public struct Architecture: Sendable, Hashable, Codable {
  /// Its name: `mobilenet_v2`.
  public var name: String
  /// The source whose conventions it follows.
  public var dialect: Dialect
  /// Those conventions.
  public var conventions: Conventions
  /// Rows before the first stage.
  public var stem: [Row]
  /// Rows, grouped: parameters of stage s, block b are named `stages.s.b.…`.
  public var stages: [[Row]]
  /// What follows the last stage.
  public var head: Head
  /// Classes.
  public var classes: Int
  /// Height and width of the input, in pixels: the paper's resolution times ρ.
  public var resolution: Int
  /// The width multiplier α.
  public var width: Double

  /// Creates an architecture. The conventions are the dialect's, unless others are given.
  public init(
    _ name: String, dialect: Dialect = .paper, conventions: Conventions? = nil, stem: [Row],
    stages: [[Row]], head: Head, classes: Int = 1000, resolution: Int = 224, width: Double = 1
  ) {
    self.name = name
    self.dialect = dialect
    self.conventions = conventions ?? Conventions(dialect)
    self.stem = stem
    self.stages = stages
    self.head = head
    self.classes = classes
    self.resolution = resolution
    self.width = width
  }

  /// Creates an architecture with a single row as its stem.
  public init(
    _ name: String, dialect: Dialect = .paper, conventions: Conventions? = nil, stem: Row,
    stages: [[Row]], head: Head, classes: Int = 1000, resolution: Int = 224, width: Double = 1
  ) {
    self.init(
      name, dialect: dialect, conventions: conventions, stem: [stem], stages: stages, head: head,
      classes: classes, resolution: resolution, width: width)
  }

  /// The product of all strides: the input has that many pixels a side for each one of the last feature map.
  public var totalStride: Int {
    (stem + stages.flatMap { $0 }).reduce(1) {
      let (product, overflow) = $0.multipliedReportingOverflow(by: max($1.block.stride, 1))
      return overflow ? Int.max : product
    }
  }

  /// Blocks of stem and stages, each row as often as it is repeated.
  public var blockCount: Int {
    (stem + stages.flatMap { $0 }).reduce(0) {
      let (sum, overflow) = $0.addingReportingOverflow(max($1.repeats, 0))
      return overflow ? Int.max : sum
    }
  }

  /// Throws unless the numbers make sense.
  ///
  /// - Throws: ``ArchitectureError`` naming the one that does not.
  public func check() throws {
    guard width.isFinite, width > 0, width <= Self.largestWidth else {
      throw ArchitectureError.badWidth(width)
    }
    guard (1...Self.mostClasses).contains(classes) else { throw ArchitectureError.badClasses(classes) }
    guard blockCount <= Self.mostBlocks else { throw ArchitectureError.tooManyBlocks(blockCount) }
    for row in stem + stages.flatMap({ $0 }) { try row.check() }
    for units in head.hidden + [head.features] { try BlockLimits.check("head", units, BlockLimits.channels) }
    if case .flatten(let size) = head.pool { try BlockLimits.check("head pool", size, BlockLimits.window) }
    guard resolution >= totalStride, resolution <= Self.largestResolution else {
      throw ArchitectureError.badResolution(
        resolution, network: name, smallest: totalStride, largest: Self.largestResolution)
    }
  }

  /// The largest multiplier, class count and resolution that are accepted: beyond any use, within memory.
  static let largestWidth = 16.0
  static let mostClasses = 1_000_000
  static let largestResolution = 4096
  /// The most blocks: a thousand-layer ResNet has 500.
  static let mostBlocks = 4096
}

/// What can be wrong with an architecture.
public enum ArchitectureError: Error, Equatable, CustomStringConvertible {
  /// No network of that name; `nearest` is the one that was probably meant.
  case unknownName(String, nearest: String?)
  /// A file names a block that is neither in the catalogue nor registered.
  case unknownBlock(String)
  /// A block from outside the package that was not registered: a file could not be read again.
  case unregisteredBlock(String)
  /// Another block is registered under the name.
  case duplicateBlock(String)
  /// More blocks than any network has.
  case tooManyBlocks(Int)
  /// A number of a block or of the head that no network has.
  case badBlock(String, value: Int, allowed: ClosedRange<Int>)
  /// α is not in (0, 16].
  case badWidth(Double)
  /// The network is published at α = 1 only.
  case noWidth(network: String)
  /// Fewer pixels than the network's strides need, or more than is sensible.
  case badResolution(Int, network: String, smallest: Int, largest: Int)
  /// Not between 1 and 1,000,000.
  case badClasses(Int)

  public var description: String {
    switch self {
    case .unknownName(let name, let nearest):
      "unknown network '\(name)'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "; 'swiftlet models' lists them all")
    case .unknownBlock(let name): "unknown block '\(name)' in an architecture"
    case .unregisteredBlock(let name):
      "the block '\(name)' is not registered, so a file with it could not be read; call BlockCatalogue.register"
    case .duplicateBlock(let name): "another block is called '\(name)'"
    case .tooManyBlocks(let count):
      "a network may have \(Architecture.mostBlocks) blocks, got \(count == .max ? "more" : "\(count)")"
    case .badBlock(let what, let value, let allowed):
      "\(what) must be between \(allowed.lowerBound) and \(allowed.upperBound), got \(value)"
    case .badWidth(let width): "the width multiplier must be above 0 and at most 16, got \(width)"
    case .noWidth(let network): "\(network) has no width multiplier; it exists at 1 only"
    case .badResolution(let resolution, let network, let smallest, let largest):
      "\(network) takes images of \(smallest) to \(largest) pixels a side, got \(resolution)"
    case .badClasses(let classes): "the number of classes must be between 1 and 1000000, got \(classes)"
    }
  }
}
