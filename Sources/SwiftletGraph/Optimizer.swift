// Optimizer.swift: the update rules of weights by gradients.

/// The rule of an optimizer; its constants are data, its moments are state of the graph.
public enum Optimizer: Sendable, Hashable, Codable {
  /// b ← momentum · b + g; w ← w − rate · b, or with Nesterov's look ahead w ← w − rate · (g + momentum · b). As in PyTorch.
  case sgd(momentum: Double, nesterov: Bool = false)
  /// TensorFlow's form, as the MobileNet papers use it: s ← decay · s + (1 − decay) · g² (from 1);
  /// m ← momentum · m + rate · g / √(s + ε); w ← w − m.
  case rmsProp(decay: Double = 0.9, momentum: Double = 0.9, epsilon: Double = 1)
  /// Decoupled decay (Loshchilov and Hutter 2019, arXiv 1711.05101): m and v as Adam's, w ← w − rate · (m̂ / (√v̂ + ε) + decay · w).
  case adamW(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)

  /// The names of its moments, each of a weight's shape, with the value that they start from.
  public var moments: [(name: String, start: Float)] {
    switch self {
    case .sgd(let momentum, _): momentum == 0 ? [] : [("momentum", 0)]
    case .rmsProp: [("square", 1), ("momentum", 0)]
    case .adamW: [("mean", 0), ("square", 0)]
    }
  }

  /// The error in its constants, or `nil`: shares are in 0..<1, ε is above 0.
  package var problem: String? {
    let (shares, epsilon): ([(name: String, value: Double)], Double) =
      switch self {
      case .sgd(let momentum, _): ([("momentum", momentum)], 1)
      case .rmsProp(let decay, let momentum, let epsilon):
        ([("decay", decay), ("momentum", momentum)], epsilon)
      case .adamW(let beta1, let beta2, let epsilon): ([("β₁", beta1), ("β₂", beta2)], epsilon)
      }
    for share in shares where !(share.value >= 0 && share.value < 1) {
      return "a \(share.name) of \(share.value)"
    }
    return epsilon > 0 && epsilon.isFinite ? nil : "an ε of \(epsilon)"
  }

  /// One element: the new weight and moments.
  ///
  /// - Parameters:
  ///   - w: the weight.
  ///   - g: its gradient, scaled.
  ///   - moments: as ``moments`` names them.
  ///   - rates: of this step.
  ///   - decay: weight decay.
  package func update(
    _ w: Double, _ g: Double, _ moments: [Double], _ rates: StepRates, decay: Double
  ) -> (weight: Double, moments: [Double]) {
    let rate = rates.learningRate
    switch self {
    case .sgd(let momentum, let nesterov):
      let g = g + decay * w
      guard momentum != 0 else { return (w - rate * g, []) }
      let b = momentum * moments[0] + g
      return (w - rate * (nesterov ? g + momentum * b : b), [b])
    case .rmsProp(let decayOfSquares, let momentum, let epsilon):
      let g = g + decay * w
      let s = decayOfSquares * moments[0] + (1 - decayOfSquares) * g * g
      let m = momentum * moments[1] + rate * g / (s + epsilon).squareRoot()
      return (w - m, [s, m])
    case .adamW(let beta1, let beta2, let epsilon):
      let m = beta1 * moments[0] + (1 - beta1) * g
      let v = beta2 * moments[1] + (1 - beta2) * g * g
      let (c1, c2) = Self.corrections(beta1, beta2, update: rates.update)
      return (w - rate * (m / c1 / ((v / c2).squareRoot() + epsilon) + decay * w), [m, v])
    }
  }

  /// 1 − βᵗ of both moments.
  package static func corrections(_ beta1: Double, _ beta2: Double, update: Int) -> (Double, Double) {
    (1 - pow(beta1, Double(max(update, 1))), 1 - pow(beta2, Double(max(update, 1))))
  }
}
