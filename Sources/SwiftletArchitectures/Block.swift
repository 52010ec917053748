// Block.swift: the protocol of blocks, and a row of a paper's table.

import Synchronization

/// A building block of a network. To add one, write a struct: any table can then hold it. Named in ``BlockCatalogue``, or
/// registered there (``BlockCatalogue/register(_:)``) by another package, it can be stored in files too.
///
/// Channels are those of the table, at α = 1; ``NetworkBuilder/scaled(_:)`` applies the multiplier.
public protocol BlockDefinition: Sendable, Hashable, Codable {
  /// The name in files: `invertedResidual`.
  static var name: String { get }
  /// Output channels at α = 1; 0 where they are those of the input.
  var channels: Int { get }
  /// The stride. A repeated row keeps it for its first block and has 1 after that.
  var stride: Int { get set }
  /// Adds the block's operations after `x` `[N, H, W, C]`, and gives its result.
  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value
  /// Its columns in the paper's table.
  var columns: TableColumns { get }
  /// Throws where a number of the block makes no sense, whatever its input; files are checked with it.
  func check() throws
}

/// The sizes that any real network stays far below; beyond them a file is damaged or hostile.
public enum BlockLimits {
  /// Channels of a layer.
  public static let channels = 0...32_768
  /// Sides of a kernel, and strides.
  public static let window = 1...64
  /// Factors of expansion.
  public static let factor = 1...64
  /// Reductions of a squeeze.
  public static let reduction = 1...4096

  /// Throws ``ArchitectureError/badBlock(_:value:allowed:)`` where `value` is not in `range`.
  public static func check(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw ArchitectureError.badBlock(what, value: value, allowed: range)
    }
  }
}

extension BlockDefinition {
  public func check() throws {}

  /// Checks the numbers that all blocks have, and then its own.
  func checkAll() throws {
    try BlockLimits.check("\(Self.name): channels", channels, BlockLimits.channels)
    try BlockLimits.check("\(Self.name): stride", stride, BlockLimits.window)
    try check()
  }

  public var columns: TableColumns { TableColumns(Self.name, channels: channels, stride: stride) }
}

/// The columns of a paper's table.
public struct TableColumns: Sendable, Hashable, Codable {
  /// The operator: `bottleneck 5×5`.
  public var name: String
  /// Expansion: `6` (a factor, as in MobileNetV2) or `240` (channels, as in V3).
  public var expand: String?
  /// Output channels at α = 1; `nil` where they are the input's.
  public var channels: Int?
  /// The stride of the first block.
  public var stride: Int?
  /// Squeeze-and-excite: `r 16`.
  public var squeeze: String?
  /// The non-linearity: `RE`, `R6`, `HS`.
  public var activation: String?
  /// The non-linearity of the projection, where the block has one: `linear`.
  public var projection: String?

  /// Creates a row's columns.
  public init(
    _ name: String, expand: String? = nil, channels: Int? = nil, stride: Int? = nil, squeeze: String? = nil,
    activation: ActivationFunction? = nil, projection: String? = nil
  ) {
    self.name = name
    self.expand = expand
    self.channels = channels == 0 ? nil : channels
    self.stride = stride
    self.squeeze = squeeze
    self.activation = activation?.tableName
    self.projection = projection
  }
}

extension ActivationFunction {
  /// The papers' short names: RE, R6, HS.
  var tableName: String {
    switch self {
    case .relu: "RE"
    case .relu6: "R6"
    case .hardSwish: "HS"
    case .hardSigmoid: "h-sigmoid"
    case .sigmoid: "sigmoid"
    case .silu: "SiLU"
    case .tanh: "tanh"
    }
  }
}

/// A row of a table: a block, and its number of repeats (the papers' n).
public struct Row: Sendable {
  /// The block.
  public var block: any BlockDefinition
  /// The number of repeats; only the first has the stride.
  public var repeats: Int

  /// Creates a row.
  public init(_ block: any BlockDefinition, repeats: Int = 1) {
    self.block = block
    self.repeats = repeats
  }

  /// Throws where a number of the row makes no sense.
  func check() throws {
    try BlockLimits.check("repeats", repeats, 1...1000)
    try block.checkAll()
  }

  /// The blocks of the row, one by one.
  var blocks: [any BlockDefinition] {
    (0..<max(repeats, 0)).map { index in
      var copy = block
      if index > 0 { copy.stride = 1 }
      return copy
    }
  }
}

extension Row: Hashable {
  public static func == (a: Row, b: Row) -> Bool {
    AnyHashable(a.block) == AnyHashable(b.block) && a.repeats == b.repeats
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(AnyHashable(block))
    hasher.combine(repeats)
  }
}

extension Row: Codable {
  private enum Key: String, CodingKey { case block, attributes, repeats }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let name = try container.decode(String.self, forKey: .block)
    guard let type = BlockCatalogue.block(named: name) else { throw ArchitectureError.unknownBlock(name) }
    block = try type.init(from: try container.superDecoder(forKey: .attributes))
    repeats = try container.decode(Int.self, forKey: .repeats)
    try check()
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    let name = type(of: block).name
    guard BlockCatalogue.block(named: name) == type(of: block) else {
      throw ArchitectureError.unregisteredBlock(name)
    }
    try container.encode(name, forKey: .block)
    try block.encode(to: container.superEncoder(forKey: .attributes))
    try container.encode(repeats, forKey: .repeats)
  }
}

/// The list of all blocks. A test compares it with the folder Blocks/.
public enum BlockCatalogue {
  /// Every block that files may hold.
  public static let all: [any BlockDefinition.Type] = [
    BasicBlock.self, BottleneckBlock.self, ConvolutionBlock.self, DepthwiseSeparableBlock.self,
    FusedInvertedResidual.self, InvertedResidual.self, MaxPoolBlock.self,
  ]

  private static let own = Mutex<[String: any BlockDefinition.Type]>([:])

  /// Makes a block from outside the package known by its name, for the whole process: architectures that hold it can then be
  /// saved, loaded and resumed.
  ///
  /// - Throws: ``ArchitectureError/duplicateBlock(_:)`` where another block has the name.
  public static func register(_ type: any BlockDefinition.Type) throws {
    try own.withLock { own in
      let known = all.first { $0.name == type.name } ?? own[type.name]
      guard known == nil || known == type else { throw ArchitectureError.duplicateBlock(type.name) }
      own[type.name] = type
    }
  }

  /// The block of a name, of ``all`` or registered, or `nil`.
  public static func block(named name: String) -> (any BlockDefinition.Type)? {
    all.first { $0.name == name } ?? own.withLock { $0[name] }
  }
}
