// ConvolutionBlock.swift: convolution, norm, activation: stems, VGG, and MobileNetV1's full-convolution twin.

/// A convolution with batch norm or a bias or both, and an activation.
package struct ConvolutionBlock: BlockDefinition {
  package static let name = "convolution"
  package var channels: Int
  /// Kernel size.
  package var kernel: Int
  package var stride: Int
  /// The non-linearity.
  package var activation: ActivationFunction
  /// Whether there is batch norm.
  package var normalized: Bool
  /// Whether there is a bias.
  package var hasBias: Bool

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    try network.convolution(
      x, "", channels: network.scaled(channels), kernel: kernel, stride: stride, activation: activation,
      normalized: normalized, hasBias: hasBias)
  }

  package func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
  }

  package var columns: TableColumns {
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

extension ConvolutionBlock: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    guard case .activation(let function) = ablation else { return false }
    activation = function
    return true
  }
}
