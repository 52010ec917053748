// ParameterSpec.swift: a graph's description of a parameter: its path, its role, its initialization.

/// The role of a parameter. It decides whether it is trained, whether weight decay applies to it, how it starts,
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
  /// State of training between steps: an optimizer's moments, averages of weights, gradients being accumulated.
  case state

  /// Whether training changes it by its gradient. Running statistics are state, not parameters.
  public var isTrainable: Bool { self != .normMean && self != .normVariance && self != .state }

  /// Whether it is the weight of a layer: most of a network's numbers.
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
  /// Its role.
  public let role: ParameterRole
  /// Its dimensions.
  public let shape: Shape
  /// The type of its elements in the graph.
  public let scalarType: ScalarType
  /// Its value in the graph.
  public let value: Value

  /// Creates a parameter's description.
  public init(
    name: String, role: ParameterRole, shape: Shape, scalarType: ScalarType = .float32, value: Value
  ) {
    self.name = name
    self.role = role
    self.shape = shape
    self.scalarType = scalarType
    self.value = value
  }

  /// Its type in the graph.
  public var type: TensorType { TensorType(shape, scalarType) }

  /// Whether a tensor of this element type can be bound to it. A `float32` parameter may be stored in any floating-point
  /// type: 16-bit floats are widened exactly, `float64` is rounded once. Every other parameter is stored in its own type.
  public func accepts(_ stored: ScalarType) -> Bool {
    stored == scalarType || (scalarType == .float32 && stored.isFloatingPoint)
  }

  /// A seeded starting value, as the networks' authors start them: weights from a normal distribution of
  /// variance 2 / fan-out (He et al. 2015, arXiv 1502.01852, eq. 10), linear weights of deviation 0.01,
  /// scales and variances 1, the rest 0.
  ///
  /// Gates are layers with an activation, and start as convolutions do: with weights as small as a classifier's,
  /// each gate would start half closed for every image, and its gradient would be the product of two small numbers.
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

  /// ``initialValues(seed:)`` as a tensor of its element type.
  ///
  /// - Throws: never in practice: there are as many values as the shape has elements.
  public func initialTensor(seed: UInt64) throws -> Tensor {
    let values = initialValues(seed: seed)
    guard scalarType != .float32 else { return try Tensor(shape: shape, floats: values) }
    return try Tensor(shape: shape, scalarType: scalarType, rounding: values.map(Double.init))
  }
}

extension ParameterSpec {
  private enum Key: String, CodingKey { case name, role, shape, scalarType, value }

  /// Reads a parameter's description; without an element type it is `float32`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      name: try container.decode(String.self, forKey: .name),
      role: try container.decode(ParameterRole.self, forKey: .role),
      shape: try container.decode(Shape.self, forKey: .shape),
      scalarType: try container.decodeIfPresent(ScalarType.self, forKey: .scalarType) ?? .float32,
      value: try container.decode(Value.self, forKey: .value))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try container.encode(role, forKey: .role)
    try container.encode(shape, forKey: .shape)
    if scalarType != .float32 { try container.encode(scalarType, forKey: .scalarType) }
    try container.encode(value, forKey: .value)
  }
}
