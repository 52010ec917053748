// ShardStatistics.swift: mean and variance of a layer's output: of a shard of the batch, strip by strip, and of the batch.

import CKernels

/// Statistics of a shard for each channel: the mean and Σ (y − mean)².
///
/// Squares are taken of distances from a pivot, the shard's mean so far: of values far from zero, Σ y² / n − mean² keeps no digits of
/// the variance.
struct ShardStatistics {
  private let channels: Int
  /// `[2, C]` sums of a strip, and the pivot `[C]`.
  private let sums: UnsafeMutablePointer<Float>, pivot: UnsafeMutablePointer<Float>
  private let statistics: UnsafeMutablePointer<Double>?
  private var pixels = 0

  /// Begins a shard.
  ///
  /// - Parameters:
  ///   - statistics: `[shards, 2, C]` doubles, or `nil` where they are not needed.
  ///   - scratch: ``floats(_:)`` of memory.
  init(_ statistics: TrainingBuffer?, shard: Int, channels: Int, scratch: UnsafeMutablePointer<Float>) {
    (self.channels, sums, pivot) = (channels, scratch, scratch + 2 * channels)
    self.statistics = statistics.map { $0.doubles + 2 * shard * channels }
    self.statistics?.update(repeating: 0, count: 2 * channels)
    sums.update(repeating: 0, count: 2 * channels)
  }

  /// Adds pixels, and copies them where there is an `output`.
  ///
  /// - Parameter streams: whether the copy goes past the caches.
  mutating func add(
    _ context: WorkerContext, _ x: UnsafePointer<Float>, count: Int, to output: UnsafeMutablePointer<Float>?,
    streams: Bool
  ) {
    guard let statistics else { return }
    if pixels == 0, count > 0 { pivot.update(from: x, count: channels) }
    for tile in (0..<count).tiles(of: summedPixels) {
      let at = tile.lowerBound * channels
      context.training.statistics(
        x + at, channels, tile.count, channels, pivot, output.map { $0 + at }, channels, sums,
        streams ? 1 : 0)
      context.training.merge_statistics(sums, pivot, tile.count, statistics, pixels, channels)
      pixels += tile.count
    }
  }

  /// The floats that the sums and the pivot take, in whole cache lines.
  static func floats(_ channels: Int) -> Int { wholeLines(3 * channels) }
}

/// The statistics of shards as those of the batch.
struct BatchStatistics {
  /// `[shards, 2, C]` doubles.
  let buffer: TrainingBuffer
  let shards: Shards
  /// Values of a channel.
  let count: Int
  /// For each shard the weight of its mean, and the weight of its squared distance from the mean before.
  private let shares: [(mean: Double, distance: Double)]

  /// - Parameter pixels: of an image.
  init(_ buffer: TrainingBuffer, shards: Shards, pixels: Int) {
    (self.buffer, self.shards) = (buffer, shards)
    count = shards.images * pixels
    shares = (0..<shards.count).map { shard in
      let (before, own) = (Double(shards[shard].lowerBound * pixels), Double(shards[shard].count * pixels))
      return own == 0 ? (0, 0) : (own / (before + own), before * own / (before + own))
    }
  }

  /// The mean of a channel, and its Σ (y − mean)²: shards join in order.
  func of(_ channel: Int, _ channels: Int) -> (mean: Double, squares: Double) {
    var (mean, squares) = (0.0, 0.0)
    var values = buffer.doubles + channel
    for share in shares {
      let apart = values[0] - mean
      mean += apart * share.mean
      squares += values[channels] + apart * apart * share.distance
      values += 2 * channels
    }
    return (mean, squares)
  }
}
