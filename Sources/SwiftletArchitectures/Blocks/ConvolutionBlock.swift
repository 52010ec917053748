// ConvolutionBlock.swift: convolution, norm, activation: stems, VGG, and MobileNetV1's full-convolution twin.

/// A convolution with batch norm or a bias or both, and an activation.
public struct ConvolutionBlock: BlockDefinition {
  public static let name = "convolution"
  public var channels: Int
  /// Kernel size.
  public var kernel: Int
  public var stride: Int
  /// The non-linearity.
  public var activation: ActivationFunction
  /// Whether there is batch norm.
  public var normalized: Bool
  /// Whether there is a bias.
  public var hasBias: Bool

  public func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    try network.convolution(
      x, "", channels: network.scaled(channels), kernel: kernel, stride: stride, activation: activation,
      normalized: normalized, hasBias: hasBias)
  }

  public func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
  }

  public var columns: TableColumns {
    TableColumns("conv \(kernel)×\(kernel)", channels: channels, stride: stride, activation: activation)
  }
}

extension Row {
  /// A row of convolutions with batch norm.
  public static func conv(
    _ channels: Int, kernel: Int = 3, stride: Int = 1, _ activation: ActivationFunction = .relu,
    repeats: Int = 1
  ) -> Row {
    Row(
      ConvolutionBlock(
        channels: channels, kernel: kernel, stride: stride, activation: activation, normalized: true,
        hasBias: false),
      repeats: repeats)
  }
}
