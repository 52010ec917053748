// RandomZeros.swift: the random zeros of a step, shared by dropout and stochastic depth.

/// Drops each of a number of things with probability `rate`: a function of seed, step and index alone.
package struct RandomZeros {
  private let rate: Double
  private var generator: SeededGenerator

  /// Begins a step's draw.
  ///
  /// - Parameters:
  ///   - rate: the probability of a zero.
  ///   - seed: distinguishes one node's draw from another's.
  ///   - step: the step's number.
  package init(rate: Double, seed: UInt64, step: Double) {
    self.rate = rate
    generator = SeededGenerator(seed: seed, stream: UInt64(max(0, min(step, 0x1p53))))
  }

  /// Whether the next one is dropped.
  package mutating func drops() -> Bool { generator.uniform() < rate }
}
