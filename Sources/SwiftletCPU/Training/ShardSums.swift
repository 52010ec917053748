// ShardSums.swift: the two sums of a gradient that a norm's own gradient needs, over a shard of the batch, strip by strip.

import CKernels

/// Pixels whose sums are made in single precision before they join those in double precision.
let summedPixels = 1008

/// Σ d and Σ d · (y − mean) of a shard for each channel: of a strip in floats, of the shard in doubles.
struct ShardSums {
  private let channels: Int
  /// `[2, C]`: a strip's, which kernels add to.
  private let strip: UnsafeMutablePointer<Float>
  private let total: UnsafeMutablePointer<Double>?

  /// Begins a shard.
  ///
  /// - Parameters:
  ///   - totals: `[shards, 2, C]` doubles, or `nil` where no sums are needed.
  ///   - strip: ``floats(_:)`` of memory.
  init(_ totals: TrainingBuffer?, shard: Int, channels: Int, strip: UnsafeMutablePointer<Float>) {
    (self.channels, self.strip) = (channels, strip)
    total = totals.map { $0.doubles + 2 * shard * channels }
    total?.update(repeating: 0, count: 2 * channels)
    strip.update(repeating: 0, count: 2 * channels)
  }

  /// Adds pixels [begin, end) of a gradient, and stores them where there is an `output`, which is that of pixel `begin`.
  func add(
    _ context: WorkerContext, _ operands: inout sk_prologue, _ begin: Int, _ end: Int,
    to output: UnsafeMutablePointer<Float>?, streams: Bool
  ) {
    for tile in (begin..<end).tiles(of: summedPixels) {
      context.training.gradient_sums(
        &operands, tile.lowerBound, tile.upperBound,
        output.map { $0 + (tile.lowerBound - begin) * channels }, channels, strip, streams ? 1 : 0)
      if let total { context.training.accumulate(strip, total, 2 * channels) }
    }
  }

  /// The floats that a strip's sums take, in whole cache lines.
  static func floats(_ channels: Int) -> Int { wholeLines(2 * channels) }
}
