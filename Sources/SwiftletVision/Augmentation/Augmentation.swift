// Augmentation.swift: the ways in which images are varied for training, as values that a recipe can hold.

import SwiftletCore

/// One way to vary an image. A list of them is applied in its order, see ``Preprocessing/augmented(_:by:using:)``.
///
/// As JSON: `{"padAndCrop": {"padding": 4}}`, `{"horizontalFlip": {}}`.
public enum Augmentation: Sendable, Codable, Hashable {
  /// A random part at the network's resolution: `RandomResizedCrop`.
  case randomResizedCrop(scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 0.75...(4.0 / 3))
  /// Left and right exchanged with probability one half: `HorizontalFlip`.
  case horizontalFlip
  /// A border of so many black pixels, then a random part of the old size: `PadAndCrop`.
  case padAndCrop(Int)
  /// Random brightness, contrast, saturation and hue: `ColorJitter`.
  case colorJitter(brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0)
  /// So many random operations of one strength: `RandAugment`.
  case randAugment(operations: Int = 2, magnitude: Int = 9)
  /// One random operation of a random strength: `TrivialAugment`.
  case trivialAugment
  /// A random rectangle in the mean color: `RandomErasing`.
  case randomErasing(probability: Double = 0.5)

  enum PadAndCropCodingKeys: String, CodingKey {
    case _0 = "padding"
  }

  /// Refuses numbers that make no sense, which files may hold.
  ///
  /// - Throws: ``VisionError/preprocessing(reason:)``.
  public func check() throws {
    func require(_ condition: Bool, _ reason: String) throws {
      if !condition { throw VisionError.preprocessing(reason: reason) }
    }
    switch self {
    case .randomResizedCrop(let scale, let ratio):
      try require(
        scale.lowerBound > 0 && scale.upperBound <= 1,
        "randomResizedCrop: a scale of \(scale) is not in 0...1")
      try require(
        ratio.lowerBound > 0 && ratio.upperBound.isFinite, "randomResizedCrop: a ratio of \(ratio)")
    case .horizontalFlip, .trivialAugment: break
    case .padAndCrop(let padding):
      let most = Preprocessing.maximumResolution
      try require((0...most).contains(padding), "padAndCrop: \(padding) pixels are not in 0...\(most)")
    case .colorJitter(let brightness, let contrast, let saturation, let hue):
      for value in [brightness, contrast, saturation] {
        try require(value >= 0 && value <= 100, "colorJitter: a strength of \(value) is not in 0...100")
      }
      try require(hue >= 0 && hue <= 0.5, "colorJitter: a hue of \(hue) is not in 0...0.5")
    case .randAugment(let operations, let magnitude):
      try require((0...100).contains(operations), "randAugment: \(operations) operations are not in 0...100")
      let most = RandAugment.largestMagnitude
      try require(
        (0...most).contains(magnitude), "randAugment: a magnitude of \(magnitude) is not in 0...\(most)")
    case .randomErasing(let probability):
      try require(probability >= 0 && probability <= 1, "randomErasing: a probability of \(probability)")
    }
  }
}

extension Augmentation: CustomStringConvertible {
  /// The name and the numbers: `randomResizedCrop (scale 0.35–1, ratio 0.75–1.33)`.
  public var description: String {
    func text(_ value: Double) -> String {
      let rounded = (value * 100).rounded() / 100
      return rounded == rounded.rounded() && abs(rounded) < 1e9 ? "\(Int(rounded))" : "\(rounded)"
    }
    func text(_ range: ClosedRange<Double>) -> String {
      "\(text(range.lowerBound))–\(text(range.upperBound))"
    }
    switch self {
    case .randomResizedCrop(let scale, let ratio):
      return "randomResizedCrop (scale \(text(scale)), ratio \(text(ratio)))"
    case .horizontalFlip: return "horizontalFlip"
    case .padAndCrop(let padding): return "padAndCrop (\(padding) pixels)"
    case .colorJitter(let brightness, let contrast, let saturation, let hue):
      return
        "colorJitter (brightness \(text(brightness)), contrast \(text(contrast)), saturation \(text(saturation)), "
        + "hue \(text(hue)))"
    case .randAugment(let operations, let magnitude):
      return "randAugment (\(operations) operations, magnitude \(magnitude))"
    case .trivialAugment: return "trivialAugment"
    case .randomErasing(let probability): return "randomErasing (probability \(text(probability)))"
    }
  }
}

extension Preprocessing {
  /// The 8-bit image that the network sees in training: `resolution` × `resolution`.
  ///
  /// ``Augmentation/randomResizedCrop(scale:ratio:)`` takes the place of this preset's resizing and cropping. Without it the
  /// image is first framed as for evaluation, except where ``Augmentation/padAndCrop(_:)`` finds it at the resolution
  /// already: it is then taken as it is, as CIFAR's images are.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - augmentations: applied in this order; with none the result is ``crop(_:)``.
  ///   - generator: the only source of randomness: the result is a function of it and the image.
  /// - Throws: ``VisionError/preprocessing(reason:)`` where numbers make no sense.
  public func augmented(
    _ image: RGBImage, by augmentations: [Augmentation], using generator: inout SeededGenerator
  ) throws -> RGBImage {
    for augmentation in augmentations { try augmentation.check() }
    return try augmentedUnchecked(image, by: augmentations, using: &generator).image
  }

  /// The same, with the transform from points of the source image to points of the result.
  ///
  /// - Throws: as ``augmented(_:by:using:)``.
  public func augmentedWithTransform(
    _ image: RGBImage, by augmentations: [Augmentation], using generator: inout SeededGenerator
  ) throws -> TransformedImage {
    for augmentation in augmentations { try augmentation.check() }
    return try augmentedUnchecked(image, by: augmentations, using: &generator)
  }

  func augmentedUnchecked(
    _ image: RGBImage, by augmentations: [Augmentation], using generator: inout SeededGenerator
  ) throws -> TransformedImage {
    var cropsItself = false
    var pads = false
    for augmentation in augmentations {
      switch augmentation {
      case .randomResizedCrop: cropsItself = true
      case .padAndCrop: pads = true
      default: break
      }
    }
    let fits = image.width == resolution && image.height == resolution
    var result = TransformedImage(image)
    if !(cropsItself || (pads && fits)) {
      result = TransformedImage(try crop(image), try cropTransform(of: image))
    }
    for augmentation in augmentations {
      switch augmentation {
      case .randomResizedCrop(let scale, let ratio):
        result = try result.then {
          try RandomResizedCrop(scale: scale, ratio: ratio)
            .applied(to: $0, resolution: resolution, using: &generator)
        }
      case .horizontalFlip:
        result = result.then { HorizontalFlip().applied(to: $0, using: &generator) }
      case .padAndCrop(let padding):
        result = result.then { PadAndCrop(padding: padding).applied(to: $0, using: &generator) }
      case .colorJitter(let brightness, let contrast, let saturation, let hue):
        result.image = ColorJitter(
          brightness: brightness, contrast: contrast, saturation: saturation, hue: hue
        ).apply(result.image, using: &generator)
      case .randAugment(let operations, let magnitude):
        result = result.then {
          RandAugment(operations: operations, magnitude: magnitude).applied(to: $0, using: &generator)
        }
      case .trivialAugment:
        result = result.then { TrivialAugment().applied(to: $0, using: &generator) }
      case .randomErasing(let probability):
        result.image = RandomErasing(probability: probability)
          .apply(result.image, fill: meanColor, using: &generator)
      }
    }
    return result
  }

  /// The mean as a color of 8 bits: red, green, blue.
  private var meanColor: [UInt8] {
    let bytes = mean.map { value -> UInt8 in
      let byte = scale == .unit ? value * 255 : value
      return byte.isFinite ? UInt8(max(0, min(255, byte.rounded()))) : 0
    }
    return channelOrder == .rgb ? bytes : bytes.reversed()
  }
}
