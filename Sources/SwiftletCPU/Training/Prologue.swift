// Prologue.swift: values that are never stored: norm, activation and gate of a convolution's raw output, and their gradients.

import CKernels
import SwiftletGraph

/// A feature map `[N, pixels, C]` as something that strips are computed of.
///
/// Forwards: activation(scale · y + shift) · gate. Backwards: a · d + b · y + c with d = (gate · g + offset) ·
/// activation′(scale · y + shift). A stored tensor is a prologue forwards with nothing but y.
struct Prologue {
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

  /// A stored tensor as the gradient of something.
  init(gradient stored: Prologue) {
    self.init(stored: nil, channels: stored.channels, pixels: stored.pixels)
    isGradient = true
    g = stored.y
  }

  /// A gradient that all pixels of an image share.
  ///
  /// - Parameter offset: `[N, C]`.
  init(sharedGradient offset: TrainingBuffer, channels: Int, pixels: Int) {
    self.init(stored: nil, channels: channels, pixels: pixels)
    isGradient = true
    self.offset = offset
  }

  /// The same after a norm: scale · y + shift.
  func normed(_ scale: TrainingBuffer, _ shift: TrainingBuffer) -> Prologue {
    var prologue = self
    (prologue.scale, prologue.shift) = (scale, shift)
    return prologue
  }

  /// The same times a gate `[N, C]`.
  func gated(_ gate: TrainingBuffer) -> Prologue {
    var prologue = self
    prologue.gate = gate
    return prologue
  }

  /// The tensor, where that is all there is.
  var stored: TrainingBuffer? {
    isGradient || scale != nil || shift != nil || activation != nil || gate != nil ? nil : y
  }

  /// Whether it is a norm at most: what an activation can still be put on.
  var isAffine: Bool { !isGradient && activation == nil && gate == nil }

  /// As the incoming gradient of something: g, gate and offset at most. `nil` if it is more.
  var incoming: Prologue? {
    if isGradient { return activation == nil && coefficients == nil ? self : nil }
    return stored == nil ? nil : Prologue(gradient: self)
  }

  /// All that it reads.
  var buffers: [TrainingBuffer?] { [y, g, scale, shift, gate, offset, coefficients, center] }

  /// For the kernels, at one image.
  func operands(image: Int) -> sk_prologue {
    let at = image * channels
    return sk_prologue(
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

  /// Calls `body` with the operands for each range of pixels in [begin, end), counted through the batch, that has one gate.
  @inline(__always)
  func forEachImage(_ begin: Int, _ end: Int, _ body: (inout sk_prologue, Int, Int) -> Void) {
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
    _ context: WorkerContext, _ begin: Int, _ end: Int, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    forEachImage(begin, end) { operands, first, last in
      let target = out + (first - begin) * stride
      if isGradient {
        context.training.gradient(&operands, first, last, target, stride)
      } else {
        context.training.prologue(&operands, first, last, target, stride)
      }
    }
  }

  /// Pixels [begin, end): where they are stored, else computed into `out`, densely.
  func strip(
    _ context: WorkerContext, _ begin: Int, _ end: Int, _ out: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if let stored { return UnsafePointer(stored.pointer + begin * channels) }
    evaluate(context, begin, end, into: out, stride: channels)
    return UnsafePointer(out)
  }
}
