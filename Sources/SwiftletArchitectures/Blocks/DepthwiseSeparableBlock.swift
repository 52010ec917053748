// DepthwiseSeparableBlock.swift: MobileNetV1's block (arXiv 1704.04861, figure 3).

/// Depthwise 3×3, norm, activation; pointwise 1×1, norm, activation; then squeeze-and-excite, if any: on the
/// pointwise output, which is where SE-MobileNet's parameter count puts it (arXiv 1709.01507, table 3).
package struct DepthwiseSeparableBlock: BlockDefinition {
  package static let name = "depthwiseSeparable"
  package var channels: Int
  /// Kernel size of the depthwise convolution.
  package var kernel: Int
  package var stride: Int
  /// After both convolutions.
  package var activation: ActivationFunction
  /// Squeeze-and-excite on the block's output.
  package var squeeze: SqueezeExcite?

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let y = try network.depthwise(x, "depthwise", kernel: kernel, stride: stride, activation: activation)
    let z = try network.convolution(
      y, "pointwise", channels: network.scaled(channels), kernel: 1, activation: activation)
    return try network.squeezeExcite(z, squeeze)
  }

  package func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
    try squeeze?.check()
  }

  package var columns: TableColumns {
    TableColumns(
      "dw \(kernel)×\(kernel) + pw 1×1", channels: channels, stride: stride, squeeze: squeeze?.tableName,
      activation: activation)
  }
}

extension Row {
  /// A row of depthwise separable convolutions.
  public static func separable(
    _ channels: Int, kernel: Int = 3, stride: Int = 1, _ activation: ActivationFunction = .relu,
    squeeze: SqueezeExcite? = nil, repeats: Int = 1
  ) -> Row {
    Row(
      DepthwiseSeparableBlock(
        channels: channels, kernel: kernel, stride: stride, activation: activation, squeeze: squeeze),
      repeats: repeats)
  }
}

extension DepthwiseSeparableBlock: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    switch ablation {
    case .activation(let function): activation = function
    case .squeeze(let reduction): return squeeze.change(to: reduction, gate: .sigmoid)
    case .noShortcut, .nonlinear, .expand, .totalStride: return false
    }
    return true
  }
}
