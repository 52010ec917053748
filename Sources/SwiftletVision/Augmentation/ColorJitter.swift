// ColorJitter.swift: random brightness, contrast, saturation and hue, as torchvision's transform of that name.
// (Krizhevsky et al., NIPS 2012, vary colors; the four-part form is Howard's, arXiv 1312.5402.)

import SwiftletCore

/// Changes brightness, contrast, saturation and hue by random amounts in a random order.
package struct ColorJitter: Sendable, Codable, Hashable {
  /// Factors are drawn from max(0, 1 − strength) to 1 + strength; 0 leaves a property alone and draws nothing for it.
  package var brightness, contrast, saturation: Double
  /// The shift of the hue is drawn from −hue to hue, in turns of the color circle, 0.5 at most.
  package var hue: Double

  /// Creates it.
  package init(brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0) {
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
  }

  /// The image in other colors.
  package func apply(_ image: RGBImage, using generator: inout SeededGenerator) -> RGBImage {
    var order = [0, 1, 2, 3]
    for last in [3, 2, 1] { order.swapAt(last, generator.integer(below: last + 1)) }
    var result = image
    for property in order {
      switch property {
      case 0 where brightness > 0:
        result = result.brightened(by: factor(brightness, &generator))
      case 1 where contrast > 0:
        result = result.contrasted(by: factor(contrast, &generator))
      case 2 where saturation > 0:
        result = result.saturated(by: factor(saturation, &generator))
      case 3 where hue > 0:
        result = result.hueShifted(by: generator.uniform(-hue, hue))
      default: break
      }
    }
    return result
  }

  private func factor(_ strength: Double, _ generator: inout SeededGenerator) -> Double {
    generator.uniform(max(0, 1 - strength), 1 + strength)
  }
}
