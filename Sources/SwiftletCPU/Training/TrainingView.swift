// TrainingView.swift: values that are never stored: norm, activation and gate of a convolution's raw output, and their gradients.

import CKernels
import SwiftletGraph

/// A feature map `[N, pixels, C]` as something that strips are computed of.
///
/// Forwards: activation(scale · y + shift) · gate. Backwards: a · d + b · y + c with d = (gate · g + offset) ·
/// activation′(scale · y + shift). A stored tensor is a view forwards with nothing but y.
struct TrainingView {
  /// Channels, and pixels of an image; 1 for a vector `[N, C]`.
  let channels: Int, pixels: Int
  var isGradient = false
  /// `[N, pixels, C]`.
  var y: TrainingBuffer?, g: TrainingBuffer?
  /// `[C]`.
  var scale: TrainingBuffer?, shift: TrainingBuffer?
  var activation: ActivationFunction?
  /// `[N, C]`.
  var gate: TrainingBuffer?, offset: TrainingBuffer?
  /// a, b and c: `[3, C]`.
  var coefficients: TrainingBuffer?
  /// What y is measured from in Σ d · y: `[C]`.
  var center: TrainingBuffer?

  init(stored y: TrainingBuffer?, channels: Int, pixels: Int) {
    (self.y, self.channels, self.pixels) = (y, channels, pixels)
  }

  /// The tensor, where that is all there is.
  var stored: TrainingBuffer? {
    isGradient || scale != nil || shift != nil || activation != nil || gate != nil ? nil : y
  }

  /// Whether it is a norm at most: what an activation can still be put on.
  var isAffine: Bool { !isGradient && activation == nil && gate == nil }

  /// As the incoming gradient of something: g, gate and offset at most. `nil` if it is more.
  var incoming: TrainingView? {
    if isGradient { return activation == nil && coefficients == nil ? self : nil }
    guard let stored else { return nil }
    var view = TrainingView(stored: nil, channels: channels, pixels: pixels)
    view.isGradient = true
    view.g = stored
    return view
  }

  /// All that it reads.
  var buffers: [TrainingBuffer?] { [y, g, scale, shift, gate, offset, coefficients, center] }

  /// For the kernels, at one image.
  func operands(image: Int) -> sk_view {
    let at = image * channels
    return sk_view(
      y: y.map { UnsafePointer($0.pointer) }, g: g.map { UnsafePointer($0.pointer) }, y_stride: channels,
      g_stride: channels, channels: channels,
      scale: scale.map { UnsafePointer($0.pointer) }, shift: shift.map { UnsafePointer($0.pointer) },
      gate: gate.map { UnsafePointer($0.pointer + at) },
      offset: offset.map { UnsafePointer($0.pointer + at) },
      a: coefficients.map { UnsafePointer($0.pointer) },
      b: coefficients.map { UnsafePointer($0.pointer + channels) },
      c: coefficients.map { UnsafePointer($0.pointer + 2 * channels) },
      activation: Int32((activation?.code ?? SK_NONE).rawValue),
      center: center.map { UnsafePointer($0.pointer) })
  }

  /// Calls `body` with the operands for each piece of pixels [begin, end), counted through the batch, that has one gate.
  @inline(__always)
  func forEachImage(_ begin: Int, _ end: Int, _ body: (inout sk_view, Int, Int) -> Void) {
    if gate == nil && offset == nil {
      var operands = operands(image: 0)
      body(&operands, begin, end)
      return
    }
    var first = begin
    while first < end {
      let image = first / pixels
      let last = min(end, (image + 1) * pixels)
      var operands = operands(image: image)
      body(&operands, first, last)
      first = last
    }
  }

  /// Computes pixels [begin, end), counted through the batch, into `out`.
  func evaluate(
    _ context: WorkContext, _ begin: Int, _ end: Int, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    forEachImage(begin, end) { operands, first, last in
      let target = out + (first - begin) * stride
      if isGradient {
        context.training.gradient(&operands, first, last, target, stride)
      } else {
        context.training.view(&operands, first, last, target, stride)
      }
    }
  }

  /// Pixels [begin, end): where they are stored, else computed into `out`, densely.
  func strip(
    _ context: WorkContext, _ begin: Int, _ end: Int, _ out: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if let stored { return UnsafePointer(stored.pointer + begin * channels) }
    evaluate(context, begin, end, into: out, stride: channels)
    return UnsafePointer(out)
  }
}

/// What becomes of a data gradient when it is stored: a sum with another one, an activation's derivative, a norm's two sums.
struct GradientEpilogue {
  /// Where it goes: `[N, pixels, C]`.
  let destination: TrainingBuffer
  /// What is added: like the destination.
  var residual: TrainingBuffer?
  /// y, scale, shift and activation: the gradient is multiplied by activation′(scale · y + shift), and Σ d and Σ d · (y − mean) are made.
  var mask: TrainingView?
  /// `[chunks, 2, C]` doubles: the sums.
  var totals: TrainingBuffer?

  /// Whether the gradient can be written where it belongs at once.
  var isDirect: Bool { mask == nil }

  var buffers: [TrainingBuffer?] { [destination, residual, totals] + (mask?.buffers ?? []) }

  /// Stores pixels [begin, end) of a strip.
  func store(
    _ context: WorkContext, _ strip: UnsafeMutablePointer<Float>, _ begin: Int, _ end: Int, channels: Int,
    _ sums: ChunkSums
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
func streams(_ buffer: TrainingBuffer, _ channels: Int, _ context: WorkContext) -> Bool {
  buffer.count > 1 << 20 && channels % 16 == 0
}
