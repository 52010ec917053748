// RandAugment.swift: a few random changes of one strength.
// (Cubuk, Zoph, Shlens, Le: "RandAugment: practical automated data augmentation with a reduced search space", arXiv 1909.13719;
// operations and their ranges as torchvision's, at 31 strengths.)

import SwiftletCore

/// Applies operations drawn from fourteen, all at one strength.
package struct RandAugment: Sendable, Codable, Hashable {
  /// The largest strength.
  package static let largestMagnitude = 30

  /// The fourteen.
  package enum Operation: String, Sendable, CaseIterable {
    case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast, sharpness,
      posterize, solarize, autoContrast, equalize

    /// Whether the strength may go either way.
    var isSigned: Bool {
      switch self {
      case .identity, .posterize, .solarize, .autoContrast, .equalize: false
      default: true
      }
    }
  }

  /// The number of operations in sequence.
  package var operations: Int
  /// Their strength, from 0 to ``largestMagnitude``.
  package var magnitude: Int

  /// Creates it.
  package init(operations: Int = 2, magnitude: Int = 9) {
    self.operations = operations
    self.magnitude = magnitude
  }

  /// The changed image, of the same size.
  package func apply(_ image: RGBImage, using generator: inout SeededGenerator) -> RGBImage {
    applied(to: image, using: &generator).image
  }

  /// The same, with the transform of the geometric operations that were drawn.
  package func applied(to image: RGBImage, using generator: inout SeededGenerator) -> TransformedImage {
    var result = TransformedImage(image)
    let all = Operation.allCases
    for _ in 0..<max(0, operations) {
      let operation = all[generator.integer(below: all.count)]
      let isNegative = operation.isSigned && generator.integer(below: 2) == 1
      result = result.then { applied(operation, isNegative: isNegative, to: $0) }
    }
    return result
  }

  /// One operation at this strength.
  package func apply(_ operation: Operation, isNegative: Bool, to image: RGBImage) -> RGBImage {
    applied(operation, isNegative: isNegative, to: image).image
  }

  /// The same, with its transform.
  package func applied(_ operation: Operation, isNegative: Bool, to image: RGBImage) -> TransformedImage {
    let share = Double(max(0, min(Self.largestMagnitude, magnitude))) / Double(Self.largestMagnitude)
    let sign = isNegative ? -1.0 : 1.0
    // Translations reach 150 of 331 pixels, as in the paper's ImageNet images.
    func shift(_ side: Int) -> Int { Int(sign * share * 150 / 331 * Double(side)) }
    let factor = 1 + sign * share * 0.9
    switch operation {
    case .shearX: return image.transformed(by: .shear(x: sign * share * 0.3))
    case .shearY: return image.transformed(by: .shear(y: sign * share * 0.3))
    case .translateX: return image.translated(x: shift(image.width), y: 0)
    case .translateY: return image.translated(x: 0, y: shift(image.height))
    case .rotate: return image.transformed(by: .rotation(degrees: sign * share * 30, of: image))
    default: return TransformedImage(recolored(image, by: operation, share: share, factor: factor))
    }
  }

  /// The operations that move no pixel.
  private func recolored(_ image: RGBImage, by operation: Operation, share: Double, factor: Double)
    -> RGBImage
  {
    switch operation {
    case .identity, .shearX, .shearY, .translateX, .translateY, .rotate: return image
    case .brightness: return image.brightened(by: factor)
    case .color: return image.saturated(by: factor)
    case .contrast: return image.contrasted(by: factor)
    case .sharpness: return image.sharpened(by: factor)
    case .posterize: return image.posterized(bits: 8 - Int((share * 4).rounded(.toNearestOrEven)))
    case .solarize: return image.solarized(from: 255 * (1 - share))
    case .autoContrast: return image.autoContrasted()
    case .equalize: return image.equalized()
    }
  }
}
