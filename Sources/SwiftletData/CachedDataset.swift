// CachedDataset.swift: a data set whose images are decoded once and kept.

import SwiftletCore
import Synchronization

/// A data set with all its images in memory: for small ones such as CIFAR-10, which are read many times.
package struct CachedImages<Target: Sendable>: ImageDataset {
  private let base: any ImageDataset<Target>
  private let images: [Result<RGBImage, any Error>]

  /// Decodes all images of a data set.
  ///
  /// Broken files are remembered: ``image(_:)`` throws the same for them as the data set itself.
  ///
  /// - Parameters:
  ///   - dataset: the data set to decode.
  ///   - bytes: the most memory of the pixels. Where they need more, the result is `nil` (and decoding stops at once).
  ///   - threads: the number of threads that decode.
  package init?(_ dataset: some ImageDataset<Target>, atMost bytes: Int, threads: Int = 2) {
    let count = dataset.count
    let decoded = Mutex<[Result<RGBImage, any Error>?]>(.init(repeating: nil, count: count))
    let room = Atomic<Int>(bytes)
    // Each task is several images: small ones take microseconds each.
    let run = 16
    ThreadPool(count: max(1, threads)).forEach((count + run - 1) / run) { piece in
      for index in (piece * run)..<min(count, (piece + 1) * run) {
        guard room.load(ordering: .relaxed) >= 0 else { return }
        let image = Result { try dataset.image(index) }
        if case .success(let image) = image { room.subtract(image.pixels.count, ordering: .relaxed) }
        decoded.withLock { $0[index] = image }
      }
    }
    guard room.load(ordering: .relaxed) >= 0 else { return nil }
    let images = decoded.withLock { $0.compactMap { $0 } }
    guard images.count == count else { return nil }
    self.images = images
    base = dataset
  }

  package var classes: [String] { base.classes }
  package var count: Int { images.count }
  package func name(_ index: Int) -> String { base.name(index) }
  package func target(_ index: Int) -> Target { base.target(index) }
  package func image(_ index: Int) throws -> RGBImage { try images[index].get() }
  package func fingerprint(_ index: Int) -> String { base.fingerprint(index) }
}

extension CachedImages: Dataset where Target == Int {
  package func label(_ index: Int) -> Int { target(index) }
}

/// A data set of one class for each image, with all its images in memory.
package typealias CachedDataset = CachedImages<Int>
