// SoftmaxCrossEntropy.swift: the loss of classification, with soft targets and label smoothing.

/// weight · mean over rows of −Σ q·log softmax(z), where q = (1 − smoothing) · target + smoothing / classes
/// (Szegedy et al. 2016, arXiv 1512.00567, section 7).
///
/// Inputs: logits z `[N, C]` and targets `[N, C]`, whose rows sum to 1: one-hot, or soft ones of mixup and the like. Output: a
/// scalar. Targets receive no gradient.
public struct SoftmaxCrossEntropy: GraphOperation {
  public static let name = "softmaxCrossEntropy"
  /// ε of label smoothing, in [0, 1).
  public var smoothing: Double
  /// A factor of the whole, for sums of several losses.
  public var weight: Double

  /// Creates a loss.
  public init(smoothing: Double = 0, weight: Double = 1) {
    self.smoothing = smoothing
    self.weight = weight
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try Self.check(inputs, count: 2)
    guard (0..<1).contains(smoothing) else { throw OperationError("smoothing \(smoothing) is not in [0, 1)") }
    return [TensorType([], inputs[0].scalarType)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (z, targets) = (inputs[0], inputs[1])
    var sum = 0.0
    z.forEachRow { row in
      let total = logOfSum(z.values, row)
      for i in row { sum += smoothed(targets.values[i], classes: row.count) * (total - z.values[i]) }
    }
    return [HostTensor([], [weight * sum / Double(max(z.shape[0], 1))])]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let operation = SoftmaxCrossEntropyGradient(smoothing: smoothing, weight: weight)
    return [try context.emit(operation, context.inputs[0], context.inputs[1], dy), nil]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [(0.0, 1.0), (0.1, 0.5)].map { smoothing, weight in
      Sample(
        Self(smoothing: smoothing, weight: weight),
        [HostTensor([3, 5], uniform: -2...2, using: &generator), targets([3, 5], using: &generator)])
    }
  }

  /// The smoothed target.
  func smoothed(_ target: Double, classes: Int) -> Double {
    (1 - smoothing) * target + smoothing / Double(classes)
  }

  /// Throws unless the first two are of one shape `[N, C]`.
  static func check(_ inputs: [TensorType], count: Int) throws {
    try expectCount(inputs, count...count)
    try expectFloats(inputs)
    guard inputs[0].shape.rank == 2, inputs[0].shape.count > 0 else {
      throw OperationError("expected logits [N, C], got \(inputs[0].shape)")
    }
    try inputs[1].expect(inputs[0].shape, "the targets")
  }

  /// Rows that sum to 1, for tests.
  static func targets(_ shape: Shape, using generator: inout SeededGenerator) -> HostTensor {
    var result = HostTensor(shape, uniform: 0...1, using: &generator)
    result.forEachRow { row in
      let sum = result.values[row].reduce(0, +)
      for i in row { result.values[i] /= sum }
    }
    return result
  }
}

extension HostTensor {
  /// Calls `body` with the indices of each row of the innermost dimension.
  func forEachRow(_ body: (Range<Int>) -> Void) {
    let channels = max(self.channels, 1)
    for row in 0..<(values.count / channels) { body(row * channels..<(row + 1) * channels) }
  }
}

/// log Σ eᶻ over a row, without overflow.
func logOfSum(_ values: [Double], _ row: Range<Int>, temperature: Double = 1) -> Double {
  let largest = values[row].max() ?? 0
  let sum = row.reduce(0) { $0 + exp((values[$1] - largest) / temperature) }
  return largest / temperature + log(sum)
}
