// Activation.swift: the elementwise non-linearities of these networks, one closed list.

/// A non-linearity, applied to each element.
public enum ActivationFunction: String, Sendable, Hashable, Codable, CaseIterable {
  /// max(x, 0).
  case relu
  /// min(max(x, 0), 6): MobileNetV1 and V2 as released.
  case relu6
  /// x · relu6(x + 3) / 6: h-swish (MobileNetV3, arXiv 1905.02244, section 5.2).
  case hardSwish
  /// relu6(x + 3) / 6: h-sigmoid, the gate of MobileNetV3's squeeze-and-excite.
  case hardSigmoid
  /// 1 / (1 + e⁻ˣ): the gate of SENet (arXiv 1709.01507, eq. 3).
  case sigmoid
  /// x · sigmoid(x), also called swish.
  case silu
  /// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ): a gate that the SENet paper tries and rejects (its Table 12).
  case tanh

  /// The function.
  public func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .relu: max(x, 0)
    case .relu6: min(max(x, 0), 6)
    case .hardSwish: x * min(max(x + 3, 0), 6) / 6
    case .hardSigmoid: min(max(x + 3, 0), 6) / 6
    case .sigmoid: 1 / (1 + exp(-x))
    case .silu: x / (1 + exp(-x))
    case .tanh: Platform.tanh(x)
    }
  }

  /// Its derivative; at a kink, the value that PyTorch uses (0 at the outer end of a clamp).
  public func derivative(_ x: Double) -> Double {
    switch self {
    case .relu: return x > 0 ? 1 : 0
    case .relu6: return x > 0 && x < 6 ? 1 : 0
    case .hardSwish: return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1
    case .hardSigmoid: return x > -3 && x < 3 ? 1.0 / 6 : 0
    case .sigmoid:
      let s = ActivationFunction.sigmoid(x)
      return s * (1 - s)
    case .silu:
      let s = ActivationFunction.sigmoid(x)
      return s * (1 + x * (1 - s))
    case .tanh:
      let t = ActivationFunction.tanh(x)
      return 1 - t * t
    }
  }
}

/// An ``ActivationFunction`` applied to each element of a tensor of any shape.
public struct Activation: GraphOperation {
  public static let name = "activation"
  /// The non-linearity.
  public var function: ActivationFunction

  /// Creates an activation.
  public init(_ function: ActivationFunction) { self.function = function }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    try expectFloats(inputs)
    return inputs
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] { [inputs[0].mapped { function($0) }] }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(ActivationGradient(function), context.inputs[0], dy)]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    ActivationFunction.allCases.map { Sample(Activation($0), [smoothInput(&generator)]) }
  }

  /// Numbers from −8 to 8 that stay clear of the kinks at −3, 0, 3 and 6.
  static func smoothInput(_ generator: inout SeededGenerator) -> HostTensor {
    HostTensor([2, 3, 5, 4], uniform: -8...8, using: &generator).mapped { x in
      [-3.0, 0, 3, 6].contains { abs(x - $0) < 0.01 } ? x + 0.05 : x
    }
  }
}
