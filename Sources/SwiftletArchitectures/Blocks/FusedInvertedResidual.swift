// FusedInvertedResidual.swift: MobileNet-EdgeTPU's early block: expansion and depthwise in one dense convolution.

/// Dense k×k expansion, then linear 1×1 projection; a shortcut where input and output have one shape.
package struct FusedInvertedResidual: BlockDefinition {
  package static let name = "fusedInvertedResidual"
  package var channels: Int
  /// Kernel size of the expansion.
  package var kernel: Int
  package var stride: Int
  /// The expanded width.
  package var expand: Expand
  /// After the expansion; the projection is linear.
  package var activation: ActivationFunction

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let inputs = network.channels(x)
    let expanded = expand.channels(of: inputs, nominal: network.nominalInput, in: network)
    let outputs = network.scaled(channels)
    var y = try network.convolution(
      x, "expand", channels: expanded, kernel: kernel, stride: stride, activation: activation)
    y = try network.convolution(y, "project", channels: outputs, kernel: 1, activation: nil)
    return stride == 1 && inputs == outputs ? try network.residualSum(x, branch: y) : y
  }

  package func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
    try expand.check()
  }

  package var columns: TableColumns {
    TableColumns(
      "fused bottleneck \(kernel)×\(kernel)", expand: expand.tableName, channels: channels,
      stride: stride, activation: activation, projection: "linear")
  }
}

extension Row {
  /// A row of fused inverted residuals.
  public static func fused(
    _ channels: Int, kernel: Int = 3, stride: Int = 1, expand: Expand,
    _ activation: ActivationFunction = .relu, repeats: Int = 1
  ) -> Row {
    Row(
      FusedInvertedResidual(
        channels: channels, kernel: kernel, stride: stride, expand: expand, activation: activation),
      repeats: repeats)
  }
}

extension FusedInvertedResidual: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    switch ablation {
    case .activation(let function): activation = function
    case .expand(let factor): expand = .by(factor)
    case .squeeze, .noShortcut, .nonlinear, .totalStride: return false
    }
    return true
  }
}
