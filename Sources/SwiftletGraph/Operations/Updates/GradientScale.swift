// GradientScale.swift: clipping of gradients by their norm (Pascanu et al. 2013, arXiv 1211.5063).

/// Inputs: any number of gradients. Outputs: min(1, maximum / norm), by which all are to be multiplied, and their norm: the root of
/// the sum of all squares.
package struct GradientScale: GraphOperation {
  package static let name = "gradientScale"
  /// The largest norm; `nil` leaves gradients as they are.
  package var maximum: Double?

  /// Creates a scale.
  package init(maximum: Double?) { self.maximum = maximum }

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    guard !inputs.isEmpty else { throw OperationError("takes at least one gradient") }
    guard maximum ?? 1 > 0 else { throw OperationError("the largest norm must be above 0") }
    let type = try expectFloats(inputs)
    return [TensorType([], type), TensorType([], type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let squares = inputs.reduce(0) { $1.values.reduce($0) { $0 + $1 * $1 } }
    let norm = squares.squareRoot()
    let scale = maximum.map { norm > $0 ? $0 / norm : 1 } ?? 1
    return [HostTensor([], [scale]), HostTensor([], [norm])]
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [nil, 0.5, 100].map { maximum in
      Sample(
        Self(maximum: maximum),
        [
          HostTensor([3, 4], uniform: -1...1, using: &generator),
          HostTensor([5], uniform: -1...1, using: &generator),
        ])
    }
  }
}
