// LayerRates.swift: learning rates that fall from the classifier to the stem, for fine-tuning.

import SwiftletArchitectures

/// The factor of each parameter's learning rate: 1 for the classifier, and `decay` times less for each stage before it
/// (Howard and Ruder 2018, arXiv 1801.06146, section 3.2, whose factor is 1 / 2.6).
package struct LayerRates: Sendable {
  private let decay: Double
  private let stages: Int

  /// - Parameters:
  ///   - decay: the factor from one stage to the stage before it.
  ///   - network: its parameters are named `stem.…`, `stages.N.…`, `head.…`; all parameters of other names have the full rate.
  package init(decay: Double, network: Graph) {
    self.decay = decay
    stages = 1 + (network.parameters.compactMap { Self.stage($0.name) }.max() ?? -1)
  }

  private static func stage(_ name: String) -> Int? {
    let parts = name.split(separator: ".", maxSplits: 2)
    return parts.count > 1 && parts[0] == "stages" ? Int(parts[1]) : nil
  }

  /// The factor of a parameter.
  @Sendable package func factor(_ spec: ParameterSpec) -> Double {
    guard decay != 1 else { return 1 }
    var steps = 0
    if let stage = Self.stage(spec.name) {
      steps = stages - stage
    } else if spec.name.hasPrefix("stem") {
      steps = stages + 1
    }
    return (0..<steps).reduce(1) { factor, _ in factor * decay }
  }
}
