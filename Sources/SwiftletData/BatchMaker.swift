// BatchMaker.swift: one batch of an epoch as a function of its number, whoever asks and when.

import SwiftletCore
import Synchronization

/// Makes the batches of one epoch. Any number of threads may do so at once.
final class BatchMaker: Sendable {
  /// A batch, and the broken files that were met in making it.
  struct Made: Sendable {
    let batch: Batch
    let broken: [Int: SkippedFile]
  }

  /// How many batches the epoch has.
  let count: Int
  private let dataset: any Dataset
  private let writer: InputWriter
  private let resolution: Int
  private let mixing: Mixing?
  private let size: Int
  private let seed: UInt64
  private let epoch: Int
  private let order: [Int]
  /// Broken files so far, so that none is decoded twice. What is in a batch does not depend on it.
  private let broken = Mutex<[Int: SkippedFile]>([:])

  init(
    _ dataset: any Dataset, preprocessing: Preprocessing, augmentation: [Augmentation], mixing: Mixing?,
    batch: Int,
    seed: UInt64, epoch: Int, shuffles: Bool, dropsLast: Bool
  ) throws {
    guard batch > 0 else { throw DatasetError.batchSize(batch: batch) }
    guard !dropsLast || batch <= dataset.count else {
      throw DatasetError.batchTooLarge(batch: batch, count: dataset.count)
    }
    writer = try InputWriter(preprocessing, augmentation)
    try mixing?.check()
    self.dataset = dataset
    self.mixing = mixing
    self.seed = seed
    self.epoch = epoch
    size = batch
    resolution = preprocessing.resolution
    count = dataset.count / batch + (dropsLast || dataset.count % batch == 0 ? 0 : 1)
    order =
      shuffles
      ? EpochOrder.permutation(count: dataset.count, seed: seed, epoch: epoch) : Array(0..<dataset.count)
  }

  /// Makes batch `number`, which is below ``count``.
  ///
  /// - Throws: ``DatasetError/noneReadable(count:first:)`` where every file is broken; ``VisionError/preprocessing(reason:)``.
  func make(_ number: Int) throws -> Made {
    let places = (number * size)..<min((number + 1) * size, order.count)
    let classes = dataset.classes.count
    var met: [Int: SkippedFile] = [:]
    var indices: [Int] = []
    var standIns: [Bool] = []
    var labels: [Int] = []
    var soft = [Float](repeating: 0, count: places.count * classes)
    let images = try TensorStorage(byteCount: 4 * places.count * writer.count) { memory in
      let pixels = memory.bindMemory(to: Float.self)
      for (row, place) in places.enumerated() {
        let index = try fill(
          UnsafeMutableBufferPointer(rebasing: pixels[(row * writer.count)..<((row + 1) * writer.count)]),
          place: place, &met)
        indices.append(index)
        standIns.append(index != order[place])
        labels.append(dataset.label(index))
        soft[row * classes + dataset.label(index)] = 1
      }
      guard let mixing else { return }
      var generator = EpochOrder.generator(seed: seed, epoch: epoch, .mixing, number)
      soft.withUnsafeMutableBufferPointer { soft in
        let batch = MixableBatch(
          count: places.count, height: resolution, width: resolution, channels: 3, pixels: pixels,
          targets: soft)
        mixing.apply(to: batch, using: &generator)
      }
    }
    let batch = try Batch(
      images: Tensor(
        shape: [places.count, resolution, resolution, 3], scalarType: .float32, storage: images),
      targets: Tensor(shape: [places.count, classes], floats: soft), labels: labels, indices: indices,
      standIns: standIns)
    return Made(batch: batch, broken: met)
  }

  /// Fills a place of the epoch with its photograph, or with the nearest after it that can be read.
  ///
  /// - Returns: which it is.
  private func fill(
    _ target: UnsafeMutableBufferPointer<Float>, place: Int, _ met: inout [Int: SkippedFile]
  ) throws -> Int {
    for offset in 0..<order.count {
      let index = order[(place + offset) % order.count]
      if let known = broken.withLock({ $0[index] }) {
        met[index] = known
        continue
      }
      // The numbers are the place's own, so that a stand-in is varied in another way than where it stands for itself.
      var generator = EpochOrder.generator(seed: seed, epoch: epoch, .image, order[place])
      do {
        guard dataset.classes.indices.contains(dataset.label(index)) else {
          throw DatasetError.label(dataset.label(index), classes: dataset.classes.count)
        }
        try writer.write(dataset.image(index), to: target, using: &generator)
        return index
      } catch {
        let file = SkippedFile(name: dataset.name(index), reason: String(describing: error))
        broken.withLock { $0[index] = file }
        met[index] = file
      }
    }
    let first = order.first.flatMap { met[$0] }?.reason ?? "there are none"
    throw DatasetError.noneReadable(count: order.count, first: first)
  }
}
