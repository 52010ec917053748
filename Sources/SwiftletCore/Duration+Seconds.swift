// Duration+Seconds.swift: a time as a number.

extension Duration {
  /// The time in seconds.
  package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
