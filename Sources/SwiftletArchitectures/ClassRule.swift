// ClassRule.swift: the meaning of the logits of a classifier.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The number of classes that an image may have, and so the conversion of logits to probabilities.
public enum ClassRule: Sendable, Hashable, Codable {
  /// One class for each image: the softmax of the logits. A network with a single logit decides between two classes:
  /// its probability is the logit's sigmoid.
  case one
  /// Any number of classes: the sigmoid of each logit; a class counts as found from a probability of `threshold` on.
  case any(threshold: Double)

  /// The probability of each class, computed in Double.
  public func probabilities(of logits: [Float]) -> [Double] {
    switch self {
    case .one where logits.count == 1: return logits.map(Self.sigmoid)
    case .one:
      let values = logits.map(Double.init)
      let largest = values.max() ?? 0
      let powers = values.map { exp($0 - largest) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    case .any: return logits.map(Self.sigmoid)
    }
  }

  /// 1 / (1 + e^−z), without overflow.
  public static func sigmoid(_ logit: Float) -> Double {
    let power = exp(-abs(Double(logit)))
    return (logit < 0 ? power : 1) / (1 + power)
  }
}
