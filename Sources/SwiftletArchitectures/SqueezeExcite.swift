// SqueezeExcite.swift: channel attention (SENet, arXiv 1709.01507, section 3), an option of every block.

/// Squeeze-and-excite: s = gate(W₂ · activation(W₁ · mean(x))), then x · s, channel by channel.
public struct SqueezeExcite: Sendable, Hashable, Codable {
  /// r: the squeezed width is that of x divided by it.
  public var reduction: Int
  /// Whether the squeezed width is rounded to a multiple of 8 (MobileNetV3).
  public var roundsToEight = false
  /// Whether the two layers have biases. The paper's section 6 has none; MobileNetV3 and every released
  /// SE-ResNet have them.
  public var hasBias = true
  /// Between the two layers.
  public var activation = ActivationFunction.relu
  /// The gate.
  public var gate = ActivationFunction.sigmoid
  /// Whether it acts before the activation of the layer that it gates (some ports) or after it (the papers).
  public var beforeActivation = false

  /// Creates a squeeze-and-excite.
  public init(
    reduction: Int, roundsToEight: Bool = false, hasBias: Bool = true,
    activation: ActivationFunction = .relu, gate: ActivationFunction = .sigmoid,
    beforeActivation: Bool = false
  ) {
    self.reduction = reduction
    self.roundsToEight = roundsToEight
    self.hasBias = hasBias
    self.activation = activation
    self.gate = gate
    self.beforeActivation = beforeActivation
  }

  /// SENet's: r = 16, sigmoid.
  public static let senet = SqueezeExcite(reduction: 16)
  /// SENet's without biases, as its section 6 describes and as SE-MobileNetV1's parameter count requires.
  public static let senetWithoutBias = SqueezeExcite(reduction: 16, hasBias: false)
  /// MobileNetV3's: a quarter of the expansion, rounded to 8, h-sigmoid (arXiv 1905.02244, section 5.3).
  public static let mobileNetV3 = SqueezeExcite(reduction: 4, roundsToEight: true, gate: .hardSigmoid)

  /// The squeezed width for a tensor of `channels`.
  func squeezed(_ channels: Int, rounding: Bool) -> Int {
    roundsToEight || rounding
      ? roundedToEight(Double(channels) / Double(reduction)) : max(channels / reduction, 1)
  }

  /// Throws where the reduction makes no sense.
  func check() throws { try BlockLimits.check("squeeze reduction", reduction, BlockLimits.reduction) }

  /// The text in tables: `r 16`.
  var tableName: String { "r \(reduction)" }
}

/// The place of squeeze-and-excite in a residual block (arXiv 1709.01507, figure 5 and section 6.5).
public enum SqueezePlacement: String, Sendable, Hashable, Codable, CaseIterable {
  /// On the residual branch, before the sum.
  case standard
  /// Before the residual branch's first layer.
  case pre
  /// After the sum and its activation.
  case post
  /// On the shortcut.
  case identity
  /// On the residual branch, right after its 3×3 convolution (the paper's SE_3×3).
  case spatial
}

extension SqueezeExcite? {
  /// Another reduction, or none; a block without squeeze-and-excite gets one with this gate. Gives whether anything changed.
  mutating func change(to reduction: Int?, gate: ActivationFunction) -> Bool {
    guard let reduction else {
      defer { self = nil }
      return self != nil
    }
    var changed = self ?? SqueezeExcite(reduction: reduction, gate: gate)
    changed.reduction = reduction
    self = changed
    return true
  }
}
