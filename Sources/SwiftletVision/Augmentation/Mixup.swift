// Mixup.swift: weighted sums of two images and of their targets.
// (Zhang, Cisse, Dauphin, Lopez-Paz: "mixup: beyond empirical risk minimization", arXiv 1710.09412.)

import SwiftletCore

/// Replaces each image by λ times itself and 1 − λ times the one before it; λ is drawn once for a batch.
package struct Mixup: Sendable, Codable, Hashable {
  /// λ is from the beta distribution with both parameters `alpha`.
  package var alpha: Double

  /// Creates it.
  package init(alpha: Double = 0.2) { self.alpha = alpha }

  package func apply(to batch: MixableBatch, using generator: inout SeededGenerator) {
    let share = Float(generator.beta(alpha))
    batch.withPartners(batch.pixels) { own, other in
      for index in own.indices { own[index] = share * own[index] + (1 - share) * other[index] }
    }
    batch.mixTargets(share)
  }
}
