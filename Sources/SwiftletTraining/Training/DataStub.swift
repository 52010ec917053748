// DataStub.swift: stands in for augmentation and the loader until they land.

import SwiftletData

public enum Augmentation: Sendable, Hashable, Codable {
  case padAndCrop(Int), horizontalFlip
  case randomResizedCrop(scale: ClosedRange<Double>)
}
public enum Mixing: Sendable, Hashable, Codable { case mixup(alpha: Double), cutMix(alpha: Double) }

public struct Batch: Sendable {
  public let images: Tensor, targets: Tensor
  public let labels: [Int], indices: [Int]
}

public final class BatchLoader {
  let dataset: any Dataset, preprocessing: Preprocessing, batch: Int, dropsLast: Bool
  var order: [Int], position: Int
  public private(set) var skipped: [SkippedFile] = []
  public let waitingSeconds = 0.0
  public init(
    _ dataset: any Dataset, preprocessing: Preprocessing, augmentation: [Augmentation] = [],
    mixing: Mixing? = nil, batch: Int, seed: UInt64, epoch: Int = 0, startBatch: Int = 0,
    shuffles: Bool = true, dropsLast: Bool = true, threads: Int = 1, ahead: Int = 4
  ) throws {
    (self.dataset, self.preprocessing, self.batch, self.dropsLast) = (
      dataset, preprocessing, batch, dropsLast
    )
    order = Array(0..<dataset.count)
    var generator = SeededGenerator(seed: seed, stream: UInt64(epoch))
    if shuffles { order.shuffle(using: &generator) }
    position = startBatch * batch
  }
  public func next() throws -> Batch? {
    var floats: [Float] = []
    var targets: [Float] = []
    var labels: [Int] = []
    var indices: [Int] = []
    while labels.count < batch, position < order.count {
      let index = order[position]
      position += 1
      do {
        floats += try preprocessing.input(try dataset.image(index)).floats()
      } catch {
        skipped.append(SkippedFile(name: dataset.name(index), reason: "\(error)"))
        continue
      }
      let label = dataset.label(index)
      labels.append(label)
      indices.append(index)
      targets += dataset.classes.indices.map { $0 == label ? 1 : 0 }
    }
    if labels.isEmpty || (dropsLast && labels.count < batch) { return nil }
    let r = preprocessing.resolution
    return Batch(
      images: try Tensor(shape: [labels.count, r, r, 3], floats: floats),
      targets: try Tensor(shape: [labels.count, dataset.classes.count], floats: targets), labels: labels,
      indices: indices)
  }
}
