// GradientEpilogue.swift: the epilogue of a data gradient.

import CKernels

/// The epilogue of a data gradient: the sum with another one, an activation's derivative, a norm's two sums.
struct GradientEpilogue {
  /// The sums that a norm's gradient needs: Σ d and Σ d · (y − mean).
  struct Sums {
    let y: TrainingBuffer, mean: TrainingBuffer
    /// `[shards, 2, C]` doubles.
    let totals: TrainingBuffer
  }

  /// The destination: `[N, pixels, C]`.
  let destination: TrainingBuffer
  /// A gradient that is added: like the destination.
  let residual: TrainingBuffer?
  /// The activation's derivative that the gradient is multiplied by.
  let mask: BackwardPrologue.Mask?
  /// The mask's y is that of the sums where there are both.
  let sums: Sums?

  /// Whether the gradient can be written to the destination at once.
  var isDirect: Bool { mask == nil && sums == nil }

  var buffers: [TrainingBuffer?] {
    [
      destination, residual, mask?.input.y, mask?.input.norm?.scale, mask?.input.norm?.shift, sums?.y,
      sums?.mean, sums?.totals,
    ]
  }

  /// Stores pixels [begin, end) of a strip.
  func store(
    _ context: WorkerContext, _ strip: UnsafeMutablePointer<Float>, _ begin: Int, _ end: Int, channels: Int,
    _ shard: ShardSums
  ) {
    if isDirect { return }
    var operands = sk_prologue(channels: channels)
    if let mask { operands.setInput(mask.input, mask.activation) }
    if let sums {
      operands.y = UnsafePointer(sums.y.pointer)
      operands.center = UnsafePointer(sums.mean.pointer)
    }
    operands.g = UnsafePointer(strip - begin * channels)
    shard.add(
      context, &operands, begin, end, to: destination.pointer + begin * channels,
      streams: streams(destination, channels, context))
  }
}

/// Whether a tensor is written past the caches: it is larger than they are, and its rows begin at vectors.
func streams(_ buffer: TrainingBuffer, _ channels: Int, _ context: WorkerContext) -> Bool {
  buffer.count > 1 << 20 && channels % 16 == 0
}
