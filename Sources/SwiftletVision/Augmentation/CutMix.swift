// CutMix.swift: a rectangle of one image pasted into another, targets mixed by area.
// (Yun et al.: "CutMix: regularization strategy to train strong classifiers with localizable features", arXiv 1905.04899.)

import SwiftletCore

/// Pastes a rectangle of the image before into each one, at the same place; it is drawn once for a batch.
package struct CutMix: Sendable, Codable, Hashable {
  /// The share that stays is from the beta distribution with both parameters `alpha`, before the edges cut the rectangle.
  package var alpha: Double

  /// Creates it.
  package init(alpha: Double = 1) { self.alpha = alpha }

  package func apply(to batch: MixableBatch, using generator: inout SeededGenerator) {
    let (width, height) = (batch.width, batch.height)
    guard width > 0, height > 0 else { return }
    let reach = 0.5 * (1 - generator.beta(alpha)).squareRoot()
    let (x, y) = (generator.integer(below: width), generator.integer(below: height))
    let (halfWidth, halfHeight) = (Int(reach * Double(width)), Int(reach * Double(height)))
    let columns = max(0, x - halfWidth)..<min(width, x + halfWidth)
    let rows = max(0, y - halfHeight)..<min(height, y + halfHeight)
    let channels = batch.channels
    batch.withPartners(batch.pixels) { own, other in
      for row in rows {
        let start = (row * width + columns.lowerBound) * channels
        for index in start..<(start + columns.count * channels) { own[index] = other[index] }
      }
    }
    batch.mixTargets(1 - Float(columns.count * rows.count) / Float(width * height))
  }
}
