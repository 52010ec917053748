// GradientEpilogue.swift: how a data gradient is stored.

import CKernels

/// What becomes of a data gradient when it is stored: a sum with another one, an activation's derivative, a norm's two sums.
struct GradientEpilogue {
  /// Where it goes: `[N, pixels, C]`.
  let destination: TrainingBuffer
  /// What is added: like the destination.
  var residual: TrainingBuffer?
  /// y, scale, shift and activation: the gradient is multiplied by activation′(scale · y + shift), and Σ d and Σ d · (y − mean) are made.
  var mask: Prologue?
  /// `[shards, 2, C]` doubles: the sums.
  var totals: TrainingBuffer?

  /// Whether the gradient can be written where it belongs at once.
  var isDirect: Bool { mask == nil }

  var buffers: [TrainingBuffer?] { [destination, residual, totals] + (mask?.buffers ?? []) }

  /// Stores pixels [begin, end) of a strip.
  func store(
    _ context: WorkerContext, _ strip: UnsafeMutablePointer<Float>, _ begin: Int, _ end: Int, channels: Int,
    _ sums: ShardSums
  ) {
    guard let mask else { return }
    var operands = mask.operands(image: 0)
    operands.g = UnsafePointer(strip - begin * channels)
    sums.add(
      context, &operands, begin, end, to: destination.pointer + begin * channels,
      streams: streams(destination, channels, context))
  }
}

/// Whether a tensor is written past the caches: it is larger than they are, and its rows begin at vectors.
func streams(_ buffer: TrainingBuffer, _ channels: Int, _ context: WorkerContext) -> Bool {
  buffer.count > 1 << 20 && channels % 16 == 0
}
