// RandomResizedCrop.swift: a random part of an image at the network's resolution.
// (Szegedy et al., "Going deeper with convolutions", CVPR 2015, arXiv 1409.4842; numbers and order as torchvision.)

import SwiftletCore

/// Cuts out a part of random area and shape and resizes it to a square, bilinear with antialias.
package struct RandomResizedCrop: Sendable, Codable, Hashable {
  /// The part's share of the area.
  package var scale: ClosedRange<Double>
  /// Its width over its height; the logarithm is uniform.
  package var ratio: ClosedRange<Double>

  /// Creates it with torchvision's numbers, or others.
  package init(scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 0.75...(4.0 / 3)) {
    self.scale = scale
    self.ratio = ratio
  }

  /// The part of an image: after ten tries that do not fit, the largest in the middle whose shape is allowed.
  package func part(
    width: Int, height: Int, using generator: inout SeededGenerator
  ) -> (x: Int, y: Int, width: Int, height: Int) {
    let area = Double(width * height)
    for _ in 0..<10 {
      let wanted = area * generator.uniform(in: scale)
      let shape = generator.logUniform(in: ratio)
      let partWidth = Self.rounded((wanted * shape).squareRoot())
      let partHeight = Self.rounded((wanted / shape).squareRoot())
      guard (1...width).contains(partWidth), (1...height).contains(partHeight) else { continue }
      let y = generator.integer(below: height - partHeight + 1)
      let x = generator.integer(below: width - partWidth + 1)
      return (x, y, partWidth, partHeight)
    }
    let shape = Double(width) / Double(height)
    var (partWidth, partHeight) = (width, height)
    if shape < ratio.lowerBound {
      partHeight = min(height, max(1, Self.rounded(Double(width) / ratio.lowerBound)))
    } else if shape > ratio.upperBound {
      partWidth = min(width, max(1, Self.rounded(Double(height) * ratio.upperBound)))
    }
    return ((width - partWidth) / 2, (height - partHeight) / 2, partWidth, partHeight)
  }

  /// The image's random part, `resolution` × `resolution`.
  ///
  /// - Throws: ``VisionError`` where the resolution is below 1 or above the limits.
  package func apply(
    _ image: RGBImage, resolution: Int, using generator: inout SeededGenerator
  ) throws -> RGBImage {
    try applied(to: image, resolution: resolution, using: &generator).image
  }

  /// The same, with the transform that was drawn.
  ///
  /// - Throws: as ``apply(_:resolution:using:)``.
  package func applied(
    to image: RGBImage, resolution: Int, using generator: inout SeededGenerator
  ) throws -> TransformedImage {
    let part = part(width: image.width, height: image.height, using: &generator)
    let result = try image.cropped(x: part.x, y: part.y, width: part.width, height: part.height)
      .resized(width: resolution, height: resolution, filter: .bilinear)
    return TransformedImage(
      result,
      .translation(x: -Double(part.x), y: -Double(part.y)).then(
        .scaling(
          x: Double(resolution) / Double(part.width), y: Double(resolution) / Double(part.height))))
  }

  private static func rounded(_ value: Double) -> Int {
    Int(exactly: value.rounded(.toNearestOrEven)) ?? 0
  }
}
