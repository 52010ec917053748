// InputWriter.swift: images as floats in their places of a batch.

import SwiftletCore

/// Prepares images for a network, with augmentation or without, in memory of the caller's.
package struct InputWriter: Sendable {
  private let preprocessing: Preprocessing
  private let augmentations: [Augmentation]
  /// For each of the input's channels the float of each byte.
  private let table: [Float]

  /// Checks the numbers of the preset and of the augmentations.
  ///
  /// - Parameter augmentations: with none, images are framed and resized as for evaluation.
  /// - Throws: ``VisionError/preprocessing(reason:)``.
  package init(_ preprocessing: Preprocessing, _ augmentations: [Augmentation]) throws {
    for augmentation in augmentations { try augmentation.check() }
    // An image of every byte, so that bytes are normalized in one place.
    var plain = preprocessing
    plain.resolution = 16
    plain.framing = .whole
    plain.filter = .bilinear
    let bytes = (0..<256).flatMap { byte in [UInt8](repeating: UInt8(byte), count: 3) }
    let values = try plain.input(RGBImage(width: 16, height: 16, pixels: bytes)).floats()
    table = (0..<3).flatMap { channel in (0..<256).map { values[3 * $0 + channel] } }
    // The table's preset replaces the resolution and the framing, so the given ones are checked here.
    _ = try preprocessing.crop(RGBImage(width: 1, height: 1, pixels: [0, 0, 0]))
    self.preprocessing = preprocessing
    self.augmentations = augmentations
  }

  /// Floats of one image: `resolution` × `resolution` × 3.
  package var count: Int { 3 * preprocessing.resolution * preprocessing.resolution }

  /// Writes an image's ``count`` floats.
  ///
  /// - Returns: from points of the image to points of the input.
  /// - Throws: ``VisionError`` where the image cannot be resized within the limits.
  @discardableResult
  package func write(
    _ image: RGBImage, to target: UnsafeMutableBufferPointer<Float>, using generator: inout SeededGenerator
  ) throws -> ImageTransform {
    if augmentations.isEmpty {
      try preprocessing.input(image).withFloats { _ = target.update(from: $0) }
      return try preprocessing.cropTransform(of: image)
    }
    let augmented = try preprocessing.augmentedUnchecked(image, by: augmentations, using: &generator)
    let (first, third) = preprocessing.channelOrder == .rgb ? (0, 2) : (2, 0)
    augmented.image.pixels.withUnsafeBufferPointer { pixels in
      table.withUnsafeBufferPointer { table in
        for start in stride(from: 0, to: min(pixels.count, target.count), by: 3) {
          target[start] = table[Int(pixels[start + first])]
          target[start + 1] = table[256 + Int(pixels[start + 1])]
          target[start + 2] = table[512 + Int(pixels[start + third])]
        }
      }
    }
    return augmented.transform
  }
}
