// ChunkSums.swift: sums over a chunk's images, made strip by strip: what a norm needs of the tensor that a work stores.

import CKernels

/// Two sums for each channel: of a strip in floats, of a chunk in doubles.
struct ChunkSums {
  private let channels: Int
  /// `[2, C]`: a strip's, which kernels add to.
  let strip: UnsafeMutablePointer<Float>
  private let total: UnsafeMutablePointer<Double>?

  /// Begins a chunk.
  ///
  /// - Parameters:
  ///   - totals: `[chunks, 2, C]` doubles, or `nil` where nobody needs sums.
  ///   - strip: `[2, C]` floats of scratch memory.
  init(_ totals: TrainingBuffer?, chunk: Int, channels: Int, strip: UnsafeMutablePointer<Float>) {
    (self.channels, self.strip) = (channels, strip)
    total = totals.map { $0.doubles + 2 * chunk * channels }
    total?.update(repeating: 0, count: 2 * channels)
    strip.update(repeating: 0, count: 2 * channels)
  }

  /// Adds the strip's sums to the chunk's.
  func flush(_ context: WorkContext) {
    if let total { context.training.flush(strip, total, 2 * channels) }
  }

  /// The floats that `strip` takes, in whole cache lines.
  static func floats(_ channels: Int) -> Int { (2 * channels + 15) / 16 * 16 }
}

/// How a layer's output is stored: at once where it belongs, or by way of scratch memory where a norm needs Σ y and Σ y².
struct OutputStore {
  /// `[N, pixels, C]`.
  let y: TrainingBuffer
  let channels: Int
  /// `[chunks, 2, C]` doubles.
  let totals: TrainingBuffer?

  var buffers: [TrainingBuffer?] { [y, totals] }

  /// Where the layer is to write the pixels from `pixel` on.
  func target(_ pixel: Int, _ scratch: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    totals == nil ? y.pointer + pixel * channels : scratch
  }

  /// Stores what the layer wrote.
  func store(
    _ context: WorkContext, _ scratch: UnsafeMutablePointer<Float>, _ pixel: Int, count: Int,
    _ sums: ChunkSums
  ) {
    guard totals != nil else { return }
    context.training.moments(
      scratch, channels, count, channels, y.pointer + pixel * channels, channels, sums.strip,
      streams(y, channels, context) ? 1 : 0)
    sums.flush(context)
  }
}
