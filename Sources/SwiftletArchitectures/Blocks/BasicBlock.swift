// BasicBlock.swift: ResNet's block of two 3×3 convolutions (He et al. 2015, arXiv 1512.03385, figure 5 left).

/// 3×3, norm, ReLU, 3×3, norm, + shortcut, ReLU; with squeeze-and-excite at `placement`.
package struct BasicBlock: BlockDefinition {
  package static let name = "basic"
  package var channels: Int
  package var stride: Int
  /// The shortcut's change of shape.
  package var shortcut: Shortcut
  /// Squeeze-and-excite.
  package var squeeze: SqueezeExcite?
  /// The place of squeeze-and-excite.
  package var placement: SqueezePlacement

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let outputs = network.scaled(channels)
    let extra = network.conventions.activatesBeforeSqueeze && squeeze != nil
    return try network.residual(
      x, outputs: outputs, stride: stride, shortcut: shortcut, squeeze: squeeze, placement: placement
    ) { x, network, gate in
      let y = try network.convolution(
        x, "conv1", channels: outputs, kernel: 3, stride: stride, activation: .relu)
      let z = try network.convolution(
        y, "conv2", channels: outputs, kernel: 3, activation: extra ? .relu : nil)
      return try gate(z, &network)
    }
  }

  package func check() throws {
    try shortcut.check()
    try squeeze?.check()
  }

  package var columns: TableColumns {
    TableColumns(
      "basic [3×3, 3×3]", channels: channels, stride: stride, squeeze: squeeze?.tableName, activation: .relu)
  }
}

extension Row {
  /// A row of basic blocks.
  public static func basic(
    _ channels: Int, stride: Int = 1, shortcut: Shortcut = .projection(kernel: 1),
    squeeze: SqueezeExcite? = nil, placement: SqueezePlacement = .standard, repeats: Int
  ) -> Row {
    Row(
      BasicBlock(
        channels: channels, stride: stride, shortcut: shortcut, squeeze: squeeze, placement: placement),
      repeats: repeats)
  }
}

extension BasicBlock: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    guard case .squeeze(let reduction) = ablation else { return false }
    return squeeze.change(to: reduction, gate: .sigmoid)
  }
}
