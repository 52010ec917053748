// ParameterSpec.swift: what a graph knows of a parameter: its path, its role, how it starts.

/// What a parameter is for. It decides whether it is trained, whether weight decay applies to it, how it starts,
/// and how its layout differs from other frameworks'.
public enum ParameterRole: String, Sendable, Hashable, Codable, CaseIterable {
  /// `[height, width, inputs / groups, outputs]` of a convolution.
  case convolution
  /// `[height, width, channels]` of a depthwise convolution.
  case depthwise
  /// `[inputs, outputs]` of a linear layer, such as a classifier.
  case linear
  /// `[inputs, outputs]` of a linear layer of squeeze-and-excite.
  case gate
  /// `[outputs]` added after a convolution or linear layer.
  case bias
  /// `[channels]`: γ of batch norm.
  case normScale
  /// `[channels]`: β of batch norm.
  case normOffset
  /// `[channels]`: the running mean of batch norm.
  case normMean
  /// `[channels]`: the running variance of batch norm.
  case normVariance
  /// What training remembers between steps: an optimiser's moments, averages of weights, gradients being accumulated.
  case state

  /// Whether training changes it by its gradient. Running statistics are state, not parameters.
  public var isTrainable: Bool { self != .normMean && self != .normVariance && self != .state }

  /// Whether it is what a layer multiplies by: most of a network's numbers.
  public var isLayerWeight: Bool {
    switch self {
    case .convolution, .depthwise, .linear, .gate: true
    case .bias, .normScale, .normOffset, .normMean, .normVariance, .state: false
    }
  }
}

/// A parameter of a graph.
public struct ParameterSpec: Hashable, Sendable, Codable {
  /// Its path, a contract: `stages.3.1.depthwise.weight`.
  public let name: String
  /// What it is for.
  public let role: ParameterRole
  /// Its dimensions.
  public let shape: Shape
  /// The value that stands for it.
  public let value: Value

  /// A seeded starting value, as the networks' authors start them: weights from a normal distribution of
  /// variance 2 / fan-out (He et al. 2015, arXiv 1502.01852, eq. 10), linear weights of deviation 0.01,
  /// scales and variances 1, the rest 0.
  ///
  /// Gates are layers with an activation, and start as convolutions do: were their weights as small as a classifier's,
  /// each gate would start closed by half whatever the photograph, and learn from the product of two small numbers.
  public func initialValues(seed: UInt64) -> [Float] {
    let count = shape.count
    let deviation: Double
    switch role {
    case .bias, .normOffset, .normMean, .state: return [Float](repeating: 0, count: count)
    case .normScale, .normVariance: return [Float](repeating: 1, count: count)
    case .linear: deviation = 0.01
    case .gate: deviation = (2 / Double(shape[1])).squareRoot()
    case .depthwise: deviation = (2 / Double(shape[0] * shape[1])).squareRoot()
    case .convolution: deviation = (2 / Double(shape[0] * shape[1] * shape[3])).squareRoot()
    }
    var generator = SeededGenerator(seed: seed, stream: name)
    return (0..<count).map { _ in Float(deviation * generator.normal()) }
  }
}
