// Batch.swift: what a training step is fed.

import SwiftletCore

/// Photographs as a network takes them, with their classes.
public struct Batch: Sendable {
  /// `float32`, `[N, R, R, 3]`, normalised.
  public let images: Tensor
  /// `float32`, `[N, classes]`: a distribution for each photograph, all on its class unless photographs are mixed.
  public let targets: Tensor
  /// The class of each photograph (of its own part, where photographs are mixed).
  public let labels: [Int]
  /// Which photographs these are in the data set.
  public let indices: [Int]
  /// Which of them stand in for a broken file, and so occur more than once in the epoch: an evaluation leaves them out.
  public let standIns: [Bool]

  /// Creates a batch from its parts.
  ///
  /// - Parameters:
  ///   - images: `[N, R, R, 3]`.
  ///   - targets: `[N, classes]`.
  ///   - labels: N classes.
  ///   - indices: N indices into the data set.
  ///   - standIns: N of them, or none where no photograph stands in for another.
  public init(images: Tensor, targets: Tensor, labels: [Int], indices: [Int], standIns: [Bool] = []) {
    self.images = images
    self.targets = targets
    self.labels = labels
    self.indices = indices
    self.standIns = standIns.isEmpty ? labels.map { _ in false } : standIns
  }

  /// How many photographs there are.
  public var count: Int { labels.count }
}
