// MaxPoolBlock.swift: the pools of ResNet's stem and of VGG.

/// The maximum over a window; the channels are those of the input.
public struct MaxPoolBlock: BlockDefinition {
  public static let name = "maxPool"
  public var channels: Int { 0 }
  /// Kernel size.
  public var kernel: Int
  public var stride: Int

  public func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    try network.maxPool(x, kernel: kernel, stride: stride)
  }

  public func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
  }

  public var columns: TableColumns { TableColumns("max pool \(kernel)×\(kernel)", stride: stride) }
}

extension Row {
  /// A max pool.
  public static func maxPool(kernel: Int, stride: Int) -> Row {
    Row(MaxPoolBlock(kernel: kernel, stride: stride))
  }
}
