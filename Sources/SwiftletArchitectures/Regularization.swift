// Regularization.swift: the parts of a training graph beside the network: random zeros, and frozen norms.

/// The regularization of a network in training. It changes nothing in inference.
public struct Regularization: Sendable, Hashable, Codable {
  /// The rate of dropout in the head; the architecture's own if `nil`.
  public var dropout: Double?
  /// The probability with which the last residual branch is dropped; earlier ones in proportion to their depth
  /// (Huang et al. 2016, arXiv 1603.09382, eq. 4).
  public var stochasticDepth = 0.0
  /// Paths whose batch norms are in eval mode: they use their stored statistics and do not update them. `stem`, `stages.0`.
  public var frozenNorms: [String] = []
  /// Distinguishes the random zeros of one run from another's.
  public var seed: UInt64 = 0

  /// Creates the usual: the architecture's own dropout, nothing else.
  public init(
    dropout: Double? = nil, stochasticDepth: Double = 0, frozenNorms: [String] = [], seed: UInt64 = 0
  ) {
    self.dropout = dropout
    self.stochasticDepth = stochasticDepth
    self.frozenNorms = frozenNorms
    self.seed = seed
  }

  /// Whether a path is one of `frozenNorms` or below it.
  func freezes(_ path: String) -> Bool {
    frozenNorms.contains { path == $0 || path.hasPrefix($0 + ".") }
  }
}
