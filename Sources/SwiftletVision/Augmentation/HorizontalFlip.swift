// HorizontalFlip.swift: left and right exchanged, or not.

import SwiftletCore

/// Mirrors an image left to right with some probability.
package struct HorizontalFlip: Sendable, Codable, Hashable {
  /// The probability.
  package var probability: Double

  /// Creates it.
  package init(probability: Double = 0.5) { self.probability = probability }

  /// The image or its mirror image.
  package func apply(_ image: RGBImage, using generator: inout SeededGenerator) -> RGBImage {
    applied(to: image, using: &generator).image
  }

  /// The same, with the transform that was drawn.
  package func applied(to image: RGBImage, using generator: inout SeededGenerator) -> TransformedImage {
    guard generator.uniform() < probability else { return TransformedImage(image) }
    return TransformedImage(image.mirrored(), ImageTransform(xx: -1, x0: Double(image.width)))
  }
}

extension RGBImage {
  /// The image with left and right exchanged.
  package func mirrored() -> RGBImage {
    let count = pixels.count
    let rowBytes = 3 * width
    let result = [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      pixels.withUnsafeBufferPointer { source in
        for row in stride(from: 0, to: count, by: rowBytes) {
          var from = row &+ rowBytes &- 3
          for to in stride(from: row, to: row &+ rowBytes, by: 3) {
            target[to] = source[from]
            target[to &+ 1] = source[from &+ 1]
            target[to &+ 2] = source[from &+ 2]
            from &-= 3
          }
        }
      }
      filled = count
    }
    return RGBImage(width: width, height: height, valid: result)
  }
}
