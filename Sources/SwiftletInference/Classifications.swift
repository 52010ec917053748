// Classifications.swift: classifications of a sequence of images, in its order.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// The classifications of images that arrive one after the other. Images are taken when a classification is requested, a batch
/// at a time, so that nothing piles up.
public struct Classifications<Base: AsyncSequence>: AsyncSequence where Base.Element == RGBImage {
  public typealias Element = Classification

  let classifier: Classifier
  let base: Base

  public func makeAsyncIterator() -> Iterator {
    Iterator(classifier: classifier, base: base.makeAsyncIterator())
  }

  /// Takes a batch of images, and gives their classifications one by one.
  public struct Iterator: AsyncIteratorProtocol {
    let classifier: Classifier
    var base: Base.AsyncIterator
    private var ready: [Classification] = []
    private var isOver = false

    init(classifier: Classifier, base: Base.AsyncIterator) {
      (self.classifier, self.base) = (classifier, base)
    }

    /// - Throws: the errors of the sequence of images and of ``Classifier/classify(_:)``.
    public mutating func next() async throws -> Classification? {
      if ready.isEmpty, !isOver {
        var images: [RGBImage] = []
        while images.count < classifier.batch, let image = try await base.next() { images.append(image) }
        isOver = images.count < classifier.batch
        let (classifier, taken) = (classifier, images)
        ready = try await BlockingWork.run { try classifier.classify(taken) }.reversed()
      }
      return ready.popLast()
    }
  }
}
