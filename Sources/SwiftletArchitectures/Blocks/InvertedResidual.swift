// InvertedResidual.swift: the block of MobileNetV2 (arXiv 1801.04381, table 1) and V3 (arXiv 1905.02244, figure 4).

/// The expanded width of an inverted residual.
public enum Expand: Sendable, Hashable, Codable {
  /// t times the input's channels (MobileNetV2).
  case by(Int)
  /// To that many channels at α = 1 (MobileNetV3's "exp size").
  case to(Int)

  /// The expanded width for an input of `channels`; `nominal` are those channels at α = 1.
  func channels(of channels: Int, nominal: Int, in network: NetworkBuilder) -> Int {
    switch self {
    case .by(let factor): return factor * channels
    case .to(let expanded):
      if network.width == 1 { return expanded }
      switch network.conventions.expand {
      case .ratioOfInput: return roundedToEight(Double(channels * expanded) / Double(max(nominal, 1)))
      case .scaledTable: return network.scaled(expanded)
      }
    }
  }

  /// Throws where the factor or the width makes no sense.
  func check() throws {
    switch self {
    case .by(let factor): try BlockLimits.check("expand", factor, BlockLimits.factor)
    case .to(let expanded):
      try BlockLimits.check("expand", expanded, 1...BlockLimits.channels.upperBound)
    }
  }

  /// Whether there is nothing to expand.
  func isIdentity(nominal: Int) -> Bool {
    switch self {
    case .by(let factor): factor == 1
    case .to(let expanded): expanded == nominal
    }
  }

  var tableName: String {
    switch self {
    case .by(let factor): "\(factor)"
    case .to(let expanded): "\(expanded)"
    }
  }
}

/// 1×1 expansion, depthwise k×k, squeeze-and-excite on the expanded tensor, linear 1×1 projection; a shortcut
/// where input and output have one shape.
package struct InvertedResidual: BlockDefinition {
  package static let name = "invertedResidual"
  package var channels: Int
  /// Kernel size of the depthwise convolution.
  package var kernel: Int
  package var stride: Int
  /// The expanded width; no expansion layer where it is the input's.
  package var expand: Expand
  /// Squeeze-and-excite on the expanded tensor.
  package var squeeze: SqueezeExcite?
  /// After expansion and depthwise convolution; the projection is linear.
  package var activation: ActivationFunction
  /// Whether a shortcut is taken where one is possible.
  package var hasShortcut: Bool
  /// After the projection; `nil` is the linear bottleneck.
  package var projectionActivation: ActivationFunction?

  package func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let nominal = network.nominalInput
    let inputs = network.channels(x)
    var y = x
    if !expand.isIdentity(nominal: nominal) {
      let expanded = expand.channels(of: inputs, nominal: nominal, in: network)
      y = try network.convolution(y, "expand", channels: expanded, kernel: 1, activation: activation)
    }
    if let squeeze, squeeze.beforeActivation {
      y = try network.depthwise(y, "depthwise", kernel: kernel, stride: stride, activation: nil)
      y = try network.squeezeExcite(y, squeeze)
      y = try network.activate(y, activation)
    } else {
      y = try network.depthwise(y, "depthwise", kernel: kernel, stride: stride, activation: activation)
      y = try network.squeezeExcite(y, squeeze)
    }
    let outputs = network.scaled(channels)
    y = try network.convolution(y, "project", channels: outputs, kernel: 1, activation: projectionActivation)
    return hasShortcut && stride == 1 && inputs == outputs ? try network.residualSum(x, branch: y) : y
  }

  package func check() throws {
    try BlockLimits.check("\(Self.name): kernel", kernel, BlockLimits.window)
    try expand.check()
    try squeeze?.check()
  }

  package var columns: TableColumns {
    TableColumns(
      "bottleneck \(kernel)×\(kernel)", expand: expand.tableName, channels: channels, stride: stride,
      squeeze: squeeze?.tableName, activation: activation,
      projection: projectionActivation?.tableName ?? "linear")
  }
}

extension Row {
  /// A row of inverted residuals.
  public static func mbconv(
    _ channels: Int, kernel: Int = 3, stride: Int = 1, expand: Expand, squeeze: SqueezeExcite? = nil,
    _ activation: ActivationFunction = .relu6, hasShortcut: Bool = true, repeats: Int = 1
  ) -> Row {
    Row(
      InvertedResidual(
        channels: channels, kernel: kernel, stride: stride, expand: expand, squeeze: squeeze,
        activation: activation, hasShortcut: hasShortcut), repeats: repeats)
  }
}

extension InvertedResidual: AblatableBlock {
  mutating func apply(_ ablation: Ablation) -> Bool {
    switch ablation {
    case .activation(let function):
      activation = function
      if projectionActivation != nil { projectionActivation = function }
    case .squeeze(let reduction): return squeeze.change(to: reduction, gate: .hardSigmoid)
    case .noShortcut: hasShortcut = false
    case .nonlinear: projectionActivation = activation
    // A block without expansion, the first of a network, stays as it is.
    case .expand(let factor):
      if case .by(1) = expand { return false }
      expand = .by(factor)
    case .totalStride: return false
    }
    return true
  }
}
