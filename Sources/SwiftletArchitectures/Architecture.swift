// Architecture.swift: a network as a value: the paper's table, and the conventions of one source.

/// A network: stem, stages and head as the paper's table has them, under one source's conventions.
///
/// An architecture is a small value: print it (``summary(layers:)``), store it (it is `Codable`), change it, and make
/// graphs of it (``graph(batch:mode:regularization:)``). Channels are those of the table, at α = 1.
public struct Architecture: Sendable, Hashable {
  /// Its name: `mobilenet_v2`.
  public var name: String
  /// The source whose conventions it follows.
  public var dialect: Dialect
  /// The conventions of that source.
  public var conventions: Conventions
  /// Rows before the first stage.
  public var stem: [Row]
  /// Rows, grouped: parameters of stage s, block b are named `stages.s.b.…`.
  public var stages: [[Row]]
  private var storedHead: StoredHead
  /// The head, after the last stage.
  public var head: any HeadDefinition {
    get { storedHead.head }
    set { storedHead = StoredHead(newValue) }
  }
  /// Paths of values inside the network that are outputs too, by the same names: `stages.4.0.expand` is the result of
  /// that layer, after its norm and its activation; `stages.4` is that of the whole stage.
  public var taps: [String]
  /// Classes.
  public var classes: Int
  /// Height and width of the input, in pixels: the paper's resolution times ρ.
  public var resolution: Int
  /// The width multiplier α.
  public var width: Double

  /// Creates an architecture. The conventions are the dialect's, unless others are given.
  public init(
    _ name: String, dialect: Dialect = .paper, conventions: Conventions? = nil, stem: [Row],
    stages: [[Row]], head: some HeadDefinition, taps: [String] = [], classes: Int = 1000,
    resolution: Int = 224, width: Double = 1
  ) {
    self.name = name
    self.dialect = dialect
    self.conventions = conventions ?? Conventions(dialect)
    self.stem = stem
    self.stages = stages
    storedHead = StoredHead(head)
    self.taps = taps
    self.classes = classes
    self.resolution = resolution
    self.width = width
  }

  /// Creates an architecture with a single row as its stem.
  public init(
    _ name: String, dialect: Dialect = .paper, conventions: Conventions? = nil, stem: Row,
    stages: [[Row]], head: some HeadDefinition, taps: [String] = [], classes: Int = 1000,
    resolution: Int = 224, width: Double = 1
  ) {
    self.init(
      name, dialect: dialect, conventions: conventions, stem: [stem], stages: stages, head: head, taps: taps,
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
    try head.check()
    guard taps.count <= Self.mostTaps else {
      throw ArchitectureError.tooManyTaps(taps.count, most: Self.mostTaps)
    }
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
  static let mostTaps = 1000
}

extension Architecture: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, dialect, conventions, stem, stages, head, taps, classes, resolution, width
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    dialect = try container.decode(Dialect.self, forKey: .dialect)
    conventions = try container.decode(Conventions.self, forKey: .conventions)
    stem = try container.decode([Row].self, forKey: .stem)
    stages = try container.decode([[Row]].self, forKey: .stages)
    storedHead = try container.decode(StoredHead.self, forKey: .head)
    taps = try container.decodeIfPresent([String].self, forKey: .taps) ?? []
    classes = try container.decode(Int.self, forKey: .classes)
    resolution = try container.decode(Int.self, forKey: .resolution)
    width = try container.decode(Double.self, forKey: .width)
  }

  /// - Throws: ``ArchitectureError/unknownHead(_:)`` where the head is not registered: the file could not be read.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(dialect, forKey: .dialect)
    try container.encode(conventions, forKey: .conventions)
    try container.encode(stem, forKey: .stem)
    try container.encode(stages, forKey: .stages)
    try container.encode(storedHead, forKey: .head)
    // Files of networks without taps stay as they were.
    if !taps.isEmpty { try container.encode(taps, forKey: .taps) }
    try container.encode(classes, forKey: .classes)
    try container.encode(resolution, forKey: .resolution)
    try container.encode(width, forKey: .width)
  }
}

/// Errors in an architecture.
public enum ArchitectureError: Error, Equatable, CustomStringConvertible {
  /// No network of that name; `nearest` is the most similar name.
  case unknownName(String, nearest: String?)
  /// A change behind a network's name is not understood.
  case unknownChange(String)
  /// A change of something that no block of the network has.
  case noSuchPart(String, network: String)
  /// A file names a block that is neither in the catalogue nor registered.
  case unknownBlock(String)
  /// A block from outside the package that was not registered: a file could not be read again.
  case unregisteredBlock(String)
  /// Another block is registered under the name.
  case duplicateBlock(String)
  /// More blocks than any network has.
  case tooManyBlocks(Int)
  /// A file names a head that is not registered, or a head is to be saved under a name that is not its own.
  case unknownHead(String)
  /// There is no layer or block of that path.
  case unknownTap(String, network: String)
  /// More taps than any network has.
  case tooManyTaps(Int, most: Int)
  /// A number of a block or of the head that no network has.
  case badBlock(String, value: Int, allowed: ClosedRange<Int>)
  /// α is not in (0, 16].
  case badWidth(Double)
  /// The network is published at α = 1 only.
  case noWidth(network: String)
  /// Fewer pixels than the network's strides need, or more than is sensible.
  case badResolution(Int, network: String, smallest: Int, largest: Int)
  /// The network is a graph, which takes images of one size.
  case fixedResolution(network: String, resolution: Int)
  /// Not between 1 and 1,000,000.
  case badClasses(Int)

  public var description: String {
    switch self {
    case .unknownName(let name, let nearest):
      "unknown network '\(name)'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "; 'swiftlet models' lists them all")
    case .unknownChange(let text):
      "'\(text)' is no change of a network; there are @WIDTH, @WIDTH:PIXELS, and after a +: "
        + "\(ActivationFunction.allCases.map(\.rawValue).joined(separator: ", ")), no-squeeze, squeeze=R, no-shortcut, nonlinear, "
        + "expand=T, total-stride=N"
    case .noSuchPart(let change, let network): "\(network) has no block that '\(change)' could change"
    case .unknownBlock(let name): "unknown block '\(name)' in an architecture"
    case .unregisteredBlock(let name):
      "the block '\(name)' is not registered, so a file with it could not be read; call BlockCatalogue.register"
    case .duplicateBlock(let name): "another block is called '\(name)'"
    case .tooManyBlocks(let count):
      "a network may have \(Architecture.mostBlocks) blocks, got \(count == .max ? "more" : "\(count)")"
    case .unknownHead(let name):
      "unknown head '\(name)' of an architecture; a program registers its own with HeadCatalogue.register before it "
        + "saves or loads"
    case .unknownTap(let path, let network): "\(network) has no layer or block '\(path)' to tap"
    case .tooManyTaps(let count, let most): "an architecture has at most \(most) taps, got \(count)"
    case .badBlock(let what, let value, let allowed):
      "\(what) must be between \(allowed.lowerBound) and \(allowed.upperBound), got \(value)"
    case .badWidth(let width): "the width multiplier must be above 0 and at most 16, got \(width)"
    case .noWidth(let network): "\(network) has no width multiplier; it exists at 1 only"
    case .badResolution(let resolution, let network, let smallest, let largest):
      "\(network) takes images of \(smallest) to \(largest) pixels a side, got \(resolution)"
    case .fixedResolution(let network, let resolution):
      "\(network) is a graph for images of \(resolution) pixels a side; it takes no others"
    case .badClasses(let classes): "the number of classes must be between 1 and 1000000, got \(classes)"
    }
  }
}
