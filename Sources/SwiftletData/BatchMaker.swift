// BatchMaker.swift: one batch of an epoch as a function of its number.

import SwiftletCore
import Synchronization

/// Makes the batches of one epoch. Any number of threads may do so at once.
final class BatchMaker: Sendable {
  /// A batch, and the broken files that were met in making it.
  struct Made: Sendable {
    let batch: Batch
    let broken: [Int: SkippedFile]
  }

  /// The number of batches in the epoch.
  let count: Int
  private let dataset: any ImageDataset
  private let encoding: TargetEncoding
  private let writer: InputWriter
  private let resolution: Int
  private let mixing: Mixing?
  private let size: Int
  private let seed: UInt64
  private let epoch: Int
  private let order: [Int]
  /// Broken files so far, so that none is decoded twice. The contents of a batch do not depend on it.
  private let broken = Mutex<[Int: SkippedFile]>([:])

  init(
    _ dataset: any ImageDataset, targets encoding: TargetEncoding, preprocessing: Preprocessing,
    augmentation: [Augmentation], mixing: Mixing?, batch: Int,
    seed: UInt64, epoch: Int, shuffles: Bool, dropsLast: Bool
  ) throws {
    guard batch > 0 else { throw DatasetError.batchSize(batch: batch) }
    guard !dropsLast || batch <= dataset.count else {
      throw DatasetError.batchTooLarge(batch: batch, count: dataset.count)
    }
    writer = try InputWriter(preprocessing, augmentation)
    try mixing?.check()
    guard mixing == nil || encoding.canMix else { throw DatasetError.cannotMix }
    self.dataset = dataset
    self.encoding = encoding
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
    let positions = (number * size)..<min((number + 1) * size, order.count)
    var met: [Int: SkippedFile] = [:]
    var indices: [Int] = []
    var replacements: [Bool] = []
    let count = positions.count
    var images: TensorStorage?
    let targets = try storages(encoding.shapes.map { count * $0.count }[...]) { targets in
      images = try TensorStorage(byteCount: 4 * count * writer.count) { memory in
        let pixels = memory.bindMemory(to: Float.self)
        func row(_ row: Int, of buffer: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<
          Float
        > {
          let size = buffer.count / count
          return UnsafeMutableBufferPointer(rebasing: buffer[(row * size)..<((row + 1) * size)])
        }
        for (number, position) in positions.enumerated() {
          let index = try fill(
            row(number, of: pixels), targets: targets.map { row(number, of: $0) }, position: position, &met)
          indices.append(index)
          replacements.append(index != order[position])
        }
        guard let mixing else { return }
        var generator = EpochOrder.generator(seed: seed, epoch: epoch, .mixing, number)
        let batch = MixableBatch(
          count: count, height: resolution, width: resolution, channels: 3, pixels: pixels, targets: targets)
        mixing.apply(to: batch, using: &generator)
      }
    }
    guard let images else { throw DatasetError.batchSize(batch: count) }
    let batch = try Batch(
      images: Tensor(shape: [count, resolution, resolution, 3], scalarType: .float32, storage: images),
      targetTensors: zip(encoding.shapes, targets).map {
        try Tensor(shape: Shape([count] + $0.dimensions), scalarType: .float32, storage: $1)
      },
      labels: encoding.label.map { indices.map($0) } ?? [], indices: indices, replacements: replacements)
    return Made(batch: batch, broken: met)
  }

  /// Memory of so many floats each, zeroed, which `body` fills all at once.
  private func storages(
    _ counts: ArraySlice<Int>, _ filled: [UnsafeMutableBufferPointer<Float>] = [],
    _ body: ([UnsafeMutableBufferPointer<Float>]) throws -> Void
  ) throws -> [TensorStorage] {
    guard let count = counts.first else {
      try body(filled)
      return []
    }
    var rest: [TensorStorage] = []
    let storage = try TensorStorage(byteCount: 4 * count) { memory in
      rest = try storages(counts.dropFirst(), filled + [memory.bindMemory(to: Float.self)], body)
    }
    return [storage] + rest
  }

  /// Fills a position of the epoch with its image, or with the nearest after it that can be read.
  ///
  /// - Returns: the index of that image.
  private func fill(
    _ pixels: UnsafeMutableBufferPointer<Float>, targets: [UnsafeMutableBufferPointer<Float>], position: Int,
    _ met: inout [Int: SkippedFile]
  ) throws -> Int {
    for offset in 0..<order.count {
      let index = order[(position + offset) % order.count]
      if let known = broken.withLock({ $0[index] }) {
        met[index] = known
        continue
      }
      // The numbers belong to the position, so that a replacement is varied in another way than at its own position.
      var generator = EpochOrder.generator(seed: seed, epoch: epoch, .image, order[position])
      do {
        let transform = try writer.write(dataset.image(index), to: pixels, using: &generator)
        try encoding.write(index, transform, targets)
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
