// SeededGenerator+Choices.swift: the draws that augmentation and loading need.

import SwiftletCore

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension SeededGenerator {
  /// A whole number in 0..<count, 0 where `count` is below 1. (Bias below 2^-40 for any count that occurs here.)
  package mutating func integer(below count: Int) -> Int {
    count > 1 ? Int(next().multipliedFullWidth(by: UInt64(count)).high) : 0
  }

  /// A number in a range.
  mutating func uniform(in range: ClosedRange<Double>) -> Double {
    uniform(range.lowerBound, range.upperBound)
  }

  /// A number in a range whose logarithm is uniform.
  mutating func logUniform(in range: ClosedRange<Double>) -> Double {
    exp(uniform(log(range.lowerBound), log(range.upperBound)))
  }

  /// A number from the gamma distribution of a shape above 0 and scale 1 (Marsaglia and Tsang, "A simple method for generating
  /// gamma variables", 2000).
  mutating func gamma(_ shape: Double) -> Double {
    if shape < 1 {
      // 1 − uniform() is never 0.
      return gamma(shape + 1) * pow(1 - uniform(), 1 / shape)
    }
    let d = shape - 1 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      guard v > 0 else { continue }
      if log(1 - uniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }

  /// A number in 0...1 from the beta distribution with both parameters `alpha`.
  mutating func beta(_ alpha: Double) -> Double {
    let (first, second) = (gamma(alpha), gamma(alpha))
    let sum = first + second
    // Tiny parameters may underflow in both.
    return sum > 0 ? first / sum : (uniform() < 0.5 ? 0 : 1)
  }
}
