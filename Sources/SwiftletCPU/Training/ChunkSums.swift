// ChunkSums.swift: sums over a chunk's images, made strip by strip: what a norm needs of the tensor that a work stores.

import CKernels

/// Pixels whose sums are made in single precision before they join those in double precision.
private let summedPixels = 1008

/// Statistics of a chunk for each channel: the mean and Σ (y − mean)².
///
/// Squares are taken of distances from a pivot, the chunk's mean so far: of values far from zero, Σ y² / n − mean² keeps no digits of
/// the variance.
struct ChunkMoments {
  private let channels: Int
  /// `[2, C]` sums of a strip, and the pivot `[C]`.
  private let sums: UnsafeMutablePointer<Float>, pivot: UnsafeMutablePointer<Float>
  private let statistics: UnsafeMutablePointer<Double>?
  private var pixels = 0

  /// Begins a chunk.
  ///
  /// - Parameters:
  ///   - statistics: `[chunks, 2, C]` doubles, or `nil` where nobody needs them.
  ///   - scratch: ``floats(_:)`` of memory.
  init(_ statistics: TrainingBuffer?, chunk: Int, channels: Int, scratch: UnsafeMutablePointer<Float>) {
    (self.channels, sums, pivot) = (channels, scratch, scratch + 2 * channels)
    self.statistics = statistics.map { $0.doubles + 2 * chunk * channels }
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
    for piece in (0..<count).pieces(of: summedPixels) {
      let at = piece.lowerBound * channels
      context.training.moments(
        x + at, channels, piece.count, channels, pivot, output.map { $0 + at }, channels, sums,
        streams ? 1 : 0)
      context.training.merge_moments(sums, pivot, piece.count, statistics, pixels, channels)
      pixels += piece.count
    }
  }

  /// The floats that the sums and the pivot take, in whole cache lines.
  static func floats(_ channels: Int) -> Int { (3 * channels + 15) / 16 * 16 }
}

/// The statistics of chunks as those of the batch.
struct BatchMoments {
  /// `[chunks, 2, C]` doubles.
  let statistics: TrainingBuffer
  let chunks: Chunks
  /// Values of a channel.
  let count: Int
  /// For each chunk what its mean, and the square of its distance from the mean before, count for.
  private let shares: [(mean: Double, distance: Double)]

  /// - Parameter pixels: of an image.
  init(statistics: TrainingBuffer, chunks: Chunks, pixels: Int) {
    (self.statistics, self.chunks) = (statistics, chunks)
    count = chunks.images * pixels
    shares = (0..<chunks.count).map { chunk in
      let (before, own) = (Double(chunks[chunk].lowerBound * pixels), Double(chunks[chunk].count * pixels))
      return own == 0 ? (0, 0) : (own / (before + own), before * own / (before + own))
    }
  }

  /// The mean of a channel, and its Σ (y − mean)²: chunks join in order.
  func of(_ channel: Int, _ channels: Int) -> (mean: Double, squares: Double) {
    var (mean, squares) = (0.0, 0.0)
    var values = statistics.doubles + channel
    for share in shares {
      let apart = values[0] - mean
      mean += apart * share.mean
      squares += values[channels] + apart * apart * share.distance
      values += 2 * channels
    }
    return (mean, squares)
  }
}

/// Σ d and Σ d · (y − mean) of a chunk for each channel: of a strip in floats, of the chunk in doubles.
struct ChunkSums {
  private let channels: Int
  /// `[2, C]`: a strip's, which kernels add to.
  private let strip: UnsafeMutablePointer<Float>
  private let total: UnsafeMutablePointer<Double>?

  /// Begins a chunk.
  ///
  /// - Parameters:
  ///   - totals: `[chunks, 2, C]` doubles, or `nil` where nobody needs sums.
  ///   - strip: ``floats(_:)`` of memory.
  init(_ totals: TrainingBuffer?, chunk: Int, channels: Int, strip: UnsafeMutablePointer<Float>) {
    (self.channels, self.strip) = (channels, strip)
    total = totals.map { $0.doubles + 2 * chunk * channels }
    total?.update(repeating: 0, count: 2 * channels)
    strip.update(repeating: 0, count: 2 * channels)
  }

  /// Adds pixels [begin, end) of a gradient, and stores them where there is an `output`, which is that of pixel `begin`.
  func add(
    _ context: WorkerContext, _ operands: inout sk_view, _ begin: Int, _ end: Int,
    to output: UnsafeMutablePointer<Float>?, streams: Bool
  ) {
    for piece in (begin..<end).pieces(of: summedPixels) {
      context.training.gradient_sums(
        &operands, piece.lowerBound, piece.upperBound,
        output.map { $0 + (piece.lowerBound - begin) * channels }, channels, strip, streams ? 1 : 0)
      if let total { context.training.flush(strip, total, 2 * channels) }
    }
  }

  /// The floats that a strip's sums take, in whole cache lines.
  static func floats(_ channels: Int) -> Int { (2 * channels + 15) / 16 * 16 }
}

/// How a layer's output is stored: at once where it belongs, or by way of scratch memory where a norm needs its statistics.
struct OutputStore {
  /// `[N, pixels, C]`.
  let y: TrainingBuffer
  let channels: Int
  /// `[chunks, 2, C]` doubles.
  let statistics: TrainingBuffer?

  var buffers: [TrainingBuffer?] { [y, statistics] }

  /// Where the layer is to write the pixels from `pixel` on.
  func target(_ pixel: Int, _ scratch: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    statistics == nil ? y.pointer + pixel * channels : scratch
  }

  /// Stores what the layer wrote.
  func store(
    _ context: WorkerContext, _ scratch: UnsafeMutablePointer<Float>, _ pixel: Int, count: Int,
    _ moments: inout ChunkMoments
  ) {
    guard statistics != nil else { return }
    moments.add(
      context, scratch, count: count, to: y.pointer + pixel * channels,
      streams: streams(y, channels, context))
  }
}
