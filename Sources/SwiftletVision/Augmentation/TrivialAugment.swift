// TrivialAugment.swift: one random change of a random strength.
// (Müller and Hutter: "TrivialAugment: tuning-free yet state-of-the-art data augmentation", arXiv 2103.10158; the "wide" space,
// as torchvision's TrivialAugmentWide with 31 strengths.)

import SwiftletCore

/// Applies one of RandAugment's fourteen operations at one of 31 strengths, all equally likely.
package struct TrivialAugment: Sendable, Hashable {
  /// Creates it.
  package init() {}

  /// The changed image, of the same size, with its transform.
  package func applied(to image: RGBImage, using generator: inout SeededGenerator) -> TransformedImage {
    let all = RandAugment.Operation.allCases
    let operation = all[generator.integer(below: all.count)]
    let strength = generator.integer(below: RandAugment.largestMagnitude + 1)
    let isNegative = operation.isSigned && generator.integer(below: 2) == 1
    return applied(operation, strength: strength, isNegative: isNegative, to: image)
  }

  /// One operation at a strength from 0 to 30.
  package func applied(
    _ operation: RandAugment.Operation, strength: Int, isNegative: Bool, to image: RGBImage
  ) -> TransformedImage {
    let share =
      Double(max(0, min(RandAugment.largestMagnitude, strength))) / Double(RandAugment.largestMagnitude)
    return operation.applied(to: image, share: share, isNegative: isNegative, .trivialAugmentWide)
  }
}
