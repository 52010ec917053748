// BottleneckBlock.swift: ResNet's 1×1, 3×3, 1×1 block (arXiv 1512.03385, figure 5 right), ResNeXt's and SENet-154's.

/// 1×1 to `reduce`, 3×3 in `groups` to `spatial`, 1×1 to `channels`, + shortcut, ReLU; norm after each, ReLU after the
/// first two; with squeeze-and-excite at `placement`.
package struct BottleneckBlock: BlockDefinition {
  package static let name = "bottleneck"
  package var channels: Int
  /// Widths of the first two convolutions.
  package var reduce: Int, spatial: Int
  /// Groups of the 3×3 convolution.
  package var groups: Int
  package var stride: Int
  /// Whether the stride is on the 3×3 whatever the dialect (ResNeXt, SENet-154).
  package var alwaysStridesSpatial: Bool
  /// The shortcut's change of shape.
  package var shortcut: Shortcut
  /// Squeeze-and-excite.
  package var squeeze: SqueezeExcite?
  /// The place of squeeze-and-excite.
  package var placement: SqueezePlacement

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let outputs = network.scaled(channels)
    let stridesFirst = network.conventions.stridesFirst && !alwaysStridesSpatial
    return try network.residual(
      x, outputs: outputs, stride: stride, shortcut: shortcut, squeeze: squeeze, placement: placement
    ) { x, network, gate in
      var y = try network.convolution(
        x, "conv1", channels: network.scaled(reduce), kernel: 1, stride: stridesFirst ? stride : 1,
        activation: .relu)
      y = try network.convolution(
        y, "conv2", channels: network.scaled(spatial), kernel: 3, stride: stridesFirst ? 1 : stride,
        groups: groups, activation: .relu)
      y = try gate(y, &network)
      return try network.convolution(y, "conv3", channels: outputs, kernel: 1, activation: nil)
    }
  }

  package func check() throws {
    for (what, value) in [("reduce", reduce), ("spatial", spatial), ("groups", groups)] {
      try BlockLimits.check("\(Self.name): \(what)", value, 1...BlockLimits.channels.upperBound)
    }
    try shortcut.check()
    try squeeze?.check()
  }

  package var columns: TableColumns {
    let grouped = groups == 1 ? "" : ", C=\(groups)"
    return TableColumns(
      "[1×1 \(reduce), 3×3 \(spatial)\(grouped), 1×1]", channels: channels, stride: stride,
      squeeze: squeeze?.tableName, activation: .relu)
  }
}

extension Row {
  /// A row of bottleneck blocks; the 3×3 convolution is as wide as the first 1×1 unless `spatial` is given.
  public static func bottleneck(
    _ channels: Int, reduce: Int, spatial: Int? = nil, groups: Int = 1, stride: Int = 1,
    alwaysStridesSpatial: Bool = false, shortcut: Shortcut = .projection(kernel: 1),
    squeeze: SqueezeExcite? = nil, placement: SqueezePlacement = .standard, repeats: Int
  ) -> Row {
    Row(
      BottleneckBlock(
        channels: channels, reduce: reduce, spatial: spatial ?? reduce, groups: groups, stride: stride,
        alwaysStridesSpatial: alwaysStridesSpatial, shortcut: shortcut, squeeze: squeeze,
        placement: placement),
      repeats: repeats)
  }
}

extension BottleneckBlock: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    guard case .squeeze(let reduction) = ablation else { return false }
    return squeeze.change(to: reduction, gate: .sigmoid)
  }
}
