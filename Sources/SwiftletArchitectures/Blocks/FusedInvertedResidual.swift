// FusedInvertedResidual.swift: MobileNet-EdgeTPU's early block: expansion and depthwise in one dense convolution.

/// Dense k×k expansion, then linear 1×1 projection; a shortcut where input and output have one shape.
public struct FusedInvertedResidual: BlockDefinition {
  public static let name = "fusedInvertedResidual"
  public var channels: Int
  /// Kernel size of the expansion.
  public var kernel: Int
  public var stride: Int
  /// The expanded width.
  public var expand: Expand
  /// After the expansion; the projection is linear.
  public var activation: ActivationFunction

  public func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let inputs = network.channels(x)
    let expanded = expand.channels(of: inputs, nominal: network.nominalInput, in: network)
    let outputs = network.scaled(channels)
    var y = try network.convolution(
      x, "expand", channels: expanded, kernel: kernel, stride: stride, activation: activation)
    y = try network.convolution(y, "project", channels: outputs, kernel: 1, activation: nil)
    return stride == 1 && inputs == outputs ? try network.residualSum(x, branch: y) : y
  }

  public func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
    try expand.check()
  }

  public var columns: TableColumns {
    TableColumns(
      "fused bottleneck \(kernel)×\(kernel)", expand: expand.tableName, channels: channels,
      stride: stride, activation: activation)
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
