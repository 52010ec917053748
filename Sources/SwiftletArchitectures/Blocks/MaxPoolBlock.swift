// MaxPoolBlock.swift: the pools of ResNet's stem and of VGG.

/// The maximum over a window; the channels are those of the input.
package struct MaxPoolBlock: BlockDefinition {
  package static let name = "maxPool"
  package var channels: Int { 0 }
  /// Kernel size.
  package var kernel: Int
  package var stride: Int

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    try network.maxPool(x, kernel: kernel, stride: stride)
  }

  package func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
  }

  package var columns: TableColumns { TableColumns("max pool \(kernel)×\(kernel)", stride: stride) }
}

extension Row {
  /// A max pool.
  public static func maxPool(kernel: Int, stride: Int) -> Row {
    Row(MaxPoolBlock(kernel: kernel, stride: stride))
  }
}
