// Batch.swift: the images and targets of one training step.

import SwiftletCore

/// Images as a network takes them, with their targets.
package struct Batch: Sendable {
  /// `float32`, `[N, R, R, 3]`, normalized.
  package let images: Tensor
  /// `float32`, `[N, …]`: the targets, one tensor for each of the encoding's shapes.
  package let targetTensors: [Tensor]
  /// The class of each image (of its own part, where images are mixed); empty where images have no single class.
  package let labels: [Int]
  /// The images' indices in the data set.
  package let indices: [Int]
  /// Whether each image replaces a broken file, and so occurs more than once in the epoch: an evaluation leaves it out.
  package let replacements: [Bool]

  /// Creates a batch of images of one class each.
  ///
  /// - Parameters:
  ///   - images: `[N, R, R, 3]`.
  ///   - targets: `[N, classes]`.
  ///   - labels: N classes.
  ///   - indices: N indices into the data set.
  ///   - replacements: N of them, or none where no image replaces another.
  package init(images: Tensor, targets: Tensor, labels: [Int], indices: [Int], replacements: [Bool] = []) {
    self.init(
      images: images, targetTensors: [targets], labels: labels, indices: indices, replacements: replacements)
  }

  /// Creates a batch of images with any targets.
  ///
  /// - Parameters:
  ///   - images: `[N, R, R, 3]`.
  ///   - targetTensors: each `[N, …]`.
  ///   - labels: N classes, or none.
  ///   - indices: N indices into the data set.
  ///   - replacements: N of them, or none where no image replaces another.
  package init(
    images: Tensor, targetTensors: [Tensor], labels: [Int] = [], indices: [Int], replacements: [Bool] = []
  ) {
    self.images = images
    self.targetTensors = targetTensors
    self.labels = labels
    self.indices = indices
    self.replacements = replacements.isEmpty ? indices.map { _ in false } : replacements
  }

  /// The first target tensor: of classes `[N, classes]`, for each image a distribution, all on its class unless images
  /// are mixed.
  package var targets: Tensor { targetTensors[0] }

  /// The number of images.
  package var count: Int { indices.count }
}
