// RandomErasing.swift: a random rectangle painted over.
// (Zhong, Zheng, Kang, Li, Yang: "Random erasing data augmentation", arXiv 1708.04896; numbers as torchvision.)

import SwiftletCore

/// Paints a rectangle of random size and place in one color, with some probability.
package struct RandomErasing: Sendable, Codable, Hashable {
  /// The probability.
  package var probability: Double
  /// The rectangle's share of the area.
  package var scale: ClosedRange<Double>
  /// Its height over its width; the logarithm is uniform.
  package var ratio: ClosedRange<Double>

  /// Creates it with torchvision's numbers, or others.
  package init(
    probability: Double = 0.5, scale: ClosedRange<Double> = 0.02...0.33,
    ratio: ClosedRange<Double> = 0.3...3.3
  ) {
    self.probability = probability
    self.scale = scale
    self.ratio = ratio
  }

  /// The image, perhaps with a rectangle in it; after ten tries that do not fit without.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - fill: red, green and blue of the rectangle: the mean of the network's preprocessing, which becomes 0 in its input.
  ///   - generator: the source of randomness.
  package func apply(_ image: RGBImage, fill: [UInt8], using generator: inout SeededGenerator) -> RGBImage {
    guard fill.count == 3, generator.uniform() < probability else { return image }
    let area = Double(image.width * image.height)
    for _ in 0..<10 {
      let wanted = area * generator.uniform(in: scale)
      let shape = generator.logUniform(in: ratio)
      let height = Int(exactly: (wanted * shape).squareRoot().rounded(.toNearestOrEven)) ?? 0
      let width = Int(exactly: (wanted / shape).squareRoot().rounded(.toNearestOrEven)) ?? 0
      guard height < image.height, width < image.width, height >= 0, width >= 0 else { continue }
      let y = generator.integer(below: image.height - height + 1)
      let x = generator.integer(below: image.width - width + 1)
      var pixels = image.pixels
      for row in y..<(y + height) {
        for column in x..<(x + width) {
          for channel in 0..<3 { pixels[3 * (row * image.width + column) + channel] = fill[channel] }
        }
      }
      return RGBImage(width: image.width, height: image.height, valid: pixels)
    }
    return image
  }
}
