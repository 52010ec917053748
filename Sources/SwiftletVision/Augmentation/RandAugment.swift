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
    return operation.applied(to: image, share: share, isNegative: isNegative, .randAugment)
  }
}

/// The strengths of ``RandAugment/Operation`` at a share of 1.
struct AugmentationRanges: Sendable {
  /// The slope of a shear.
  let shear: Double
  /// The pixels of a translation for a side of an image.
  let translation: @Sendable (_ side: Int) -> Double
  /// Degrees of a rotation.
  let rotation: Double
  /// The change of a factor of brightness, color, contrast or sharpness.
  let factor: Double
  /// Bits that posterizing takes away.
  let bits: Double

  /// RandAugment's, as torchvision has them. Translations reach 150 of 331 pixels, as in the paper's ImageNet images.
  static let randAugment = AugmentationRanges(
    shear: 0.3, translation: { 150 / 331 * Double($0) }, rotation: 30, factor: 0.9, bits: 4)
  /// TrivialAugment's "wide" ones (arXiv 2103.10158, table 5).
  static let trivialAugmentWide = AugmentationRanges(
    shear: 0.99, translation: { _ in 32 }, rotation: 135, factor: 0.99, bits: 6)
}

extension RandAugment.Operation {
  /// The changed image, with its transform.
  ///
  /// - Parameters:
  ///   - share: the strength, from 0 to 1.
  ///   - isNegative: whether it goes the other way.
  ///   - ranges: the strengths at 1.
  func applied(to image: RGBImage, share: Double, isNegative: Bool, _ ranges: AugmentationRanges)
    -> TransformedImage
  {
    let sign = isNegative ? -1.0 : 1.0
    func shift(_ side: Int) -> Int { Int(sign * share * ranges.translation(side)) }
    switch self {
    case .shearX: return image.transformed(by: .shear(x: sign * share * ranges.shear))
    case .shearY: return image.transformed(by: .shear(y: sign * share * ranges.shear))
    case .translateX: return image.translated(x: shift(image.width), y: 0)
    case .translateY: return image.translated(x: 0, y: shift(image.height))
    case .rotate: return image.transformed(by: .rotation(degrees: sign * share * ranges.rotation, of: image))
    default:
      return TransformedImage(
        recolored(image, share: share, factor: 1 + sign * share * ranges.factor, bits: ranges.bits))
    }
  }

  /// The operations that move no pixel.
  private func recolored(_ image: RGBImage, share: Double, factor: Double, bits: Double) -> RGBImage {
    switch self {
    case .identity, .shearX, .shearY, .translateX, .translateY, .rotate: return image
    case .brightness: return image.brightened(by: factor)
    case .color: return image.saturated(by: factor)
    case .contrast: return image.contrasted(by: factor)
    case .sharpness: return image.sharpened(by: factor)
    case .posterize: return image.posterized(bits: 8 - Int((share * bits).rounded(.toNearestOrEven)))
    case .solarize: return image.solarized(from: 255 * (1 - share))
    case .autoContrast: return image.autoContrasted()
    case .equalize: return image.equalized()
    }
  }
}
