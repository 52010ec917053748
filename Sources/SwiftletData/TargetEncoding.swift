// TargetEncoding.swift: the encoding of images' targets as tensors of a batch.

import SwiftletCore

/// The encoding of a data set's targets as the tensors that a step of training takes beside the images.
public struct TargetEncoding: Sendable {
  /// Writes the target of an image, all of it or none: when it throws, nothing has been written.
  ///
  /// - Parameters:
  ///   - index: the image.
  ///   - transform: from points of the image to points of the network's input: for targets that have places.
  ///   - rows: zeros, one buffer for each of ``shapes``.
  public typealias Write =
    @Sendable (
      _ index: Int, _ transform: ImageTransform, _ rows: [UnsafeMutableBufferPointer<Float>]
    ) throws -> Void

  /// The shape of each tensor for one image; a batch has another dimension before it.
  public let shapes: [Shape]
  /// Whether a weighted sum of two targets is a target, so that images may be mixed.
  public let canMix: Bool
  /// The class of an image, where it has one.
  let label: (@Sendable (Int) -> Int)?
  let write: Write

  /// Creates an encoding.
  public init(shapes: [Shape], canMix: Bool, write: @escaping Write) {
    self.init(shapes: shapes, canMix: canMix, label: nil, write: write)
  }

  private init(shapes: [Shape], canMix: Bool, label: (@Sendable (Int) -> Int)?, write: @escaping Write) {
    self.shapes = shapes
    self.canMix = canMix
    self.label = label
    self.write = write
  }

  /// One class for each image as `[classes]`: 1 for the class, 0 for the others.
  public static func oneClass(of dataset: some ImageDataset<Int>) -> TargetEncoding {
    let classes = dataset.classes.count
    return TargetEncoding(shapes: [[classes]], canMix: true, label: { dataset.target($0) }) {
      index, _, rows in
      try rows[0][checked(dataset.target(index), classes)] = 1
    }
  }

  /// Any number of classes for each image as `[classes]`: 1 for each that is on it, 0 for the others.
  public static func manyClasses(of dataset: some ImageDataset<[Int]>) -> TargetEncoding {
    let classes = dataset.classes.count
    return TargetEncoding(shapes: [[classes]], canMix: true) { index, _, rows in
      let labels = dataset.target(index)
      for label in labels { _ = try checked(label, classes) }
      for label in labels { rows[0][label] = 1 }
    }
  }

  private static func checked(_ label: Int, _ classes: Int) throws -> Int {
    guard (0..<classes).contains(label) else { throw DatasetError.label(label, classes: classes) }
    return label
  }
}
