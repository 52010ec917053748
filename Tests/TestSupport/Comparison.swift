// Comparison.swift: the one way that tests compare arrays of numbers: element by element.

/// The worst disagreement between two arrays.
public struct Disagreement: CustomStringConvertible, Sendable {
  /// Where it is.
  public let index: Int
  /// What was computed there, and what was expected.
  public let actual: Double, expected: Double
  /// |actual − expected| over the tolerance; above 1 is a failure. Infinite for NaN and for unequal counts.
  public let excess: Double
  private let note: String

  public var description: String {
    "worst at [\(index)]: \(actual), expected \(expected), \(excess) of the tolerance\(note)"
  }

  init(index: Int, actual: Double, expected: Double, excess: Double, note: String = "") {
    self.index = index
    self.actual = actual
    self.expected = expected
    self.excess = excess
    self.note = note
  }
}

/// Compares element by element: |a − b| ≤ absolute + relative · |b|, and says where it is worst if it is not.
///
/// - Returns: `nil` where all elements agree. Unequal counts and NaN on one side never agree.
public func disagreement(
  _ actual: [Double], _ expected: [Double], absolute: Double = 0, relative: Double
) -> Disagreement? {
  guard actual.count == expected.count else {
    return Disagreement(
      index: 0, actual: Double(actual.count), expected: Double(expected.count), excess: .infinity,
      note: " (these are the counts)")
  }
  var worst: Disagreement?
  for (index, (a, b)) in zip(actual, expected).enumerated() {
    if a == b || (a.isNaN && b.isNaN) { continue }
    let ratio = abs(a - b) / (absolute + relative * abs(b))
    let excess = ratio.isNaN ? .infinity : ratio
    if excess > (worst?.excess ?? 1) {
      worst = Disagreement(index: index, actual: a, expected: b, excess: excess)
    }
  }
  return worst
}

/// The same, relative to the largest magnitude in `expected`: what "within 1e-4 relative" means for a vector
/// of logits, some of which are close to zero.
public func disagreement(
  _ actual: [Double], _ expected: [Double], relativeToScale tolerance: Double
) -> Disagreement? {
  let scale = expected.lazy.map(abs).max() ?? 0
  return disagreement(actual, expected, absolute: tolerance * scale, relative: 0)
}
