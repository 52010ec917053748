// Prologue.swift: the form of a value in a training step: a stored tensor, or an expression of stored ones, computed strip by strip.

import CKernels
import SwiftletGraph

/// A stored tensor, or scale · y + shift of one.
struct NormedTensor {
  /// `[N, pixels, C]`.
  let y: TrainingBuffer
  /// `[C]` each; `nil` for y itself.
  var norm: (scale: TrainingBuffer, shift: TrainingBuffer)?
}

/// activation(scale · y + shift) · gate, or less.
struct ForwardPrologue {
  var input: NormedTensor
  var activation: ActivationFunction?
  /// `[N, C]`.
  var gate: TrainingBuffer?
}

/// a · d + b · y + c with d = (gate · g + offset) · activation′(scale · y + shift), or less.
struct BackwardPrologue {
  /// gate · g + offset, with g `[N, pixels, C]`, gate and offset `[N, C]`; or the offset alone, which all pixels of an image share.
  enum Incoming {
    case tensor(TrainingBuffer, gate: TrainingBuffer?, offset: TrainingBuffer?)
    case shared(TrainingBuffer)
  }

  /// The derivative of an activation, at its input.
  struct Mask {
    let input: NormedTensor
    let activation: ActivationFunction
  }

  var incoming: Incoming
  var mask: Mask?
  /// A norm's y, and a, b and c: `[3, C]`. The y is that of the mask where there is one.
  var norm: (y: TrainingBuffer, coefficients: TrainingBuffer)?
}

/// A feature map `[N, pixels, C]` as something that strips are computed of.
struct Prologue {
  enum Source {
    case forward(ForwardPrologue)
    case backward(BackwardPrologue)
  }

  let source: Source
  /// Channels, and pixels of an image; 1 for a vector `[N, C]`.
  let channels: Int, pixels: Int

  init(_ source: Source, channels: Int, pixels: Int) {
    (self.source, self.channels, self.pixels) = (source, channels, pixels)
  }

  /// A stored tensor.
  init(stored y: TrainingBuffer, channels: Int, pixels: Int) {
    self.init(
      .forward(ForwardPrologue(input: NormedTensor(y: y))), channels: channels, pixels: pixels)
  }

  /// The same values from another source.
  private func with(_ source: Source) -> Prologue { Prologue(source, channels: channels, pixels: pixels) }

  // MARK: Forms

  /// The tensor, where the prologue is nothing else.
  var stored: TrainingBuffer? {
    guard let affine, affine.norm == nil else { return nil }
    return affine.y
  }

  /// A tensor with a norm at most, to which an activation can still be added.
  var affine: NormedTensor? {
    guard case .forward(let forward) = source, forward.activation == nil, forward.gate == nil else {
      return nil
    }
    return forward.input
  }

  /// Its form as the incoming gradient of a mask or a norm; `nil` unless it is a stored tensor or a gradient without mask and norm.
  var incoming: BackwardPrologue.Incoming? {
    guard case .backward(let backward) = source else {
      return stored.map { .tensor($0, gate: nil, offset: nil) }
    }
    return backward.mask == nil && backward.norm == nil ? backward.incoming : nil
  }

  var isGradient: Bool {
    guard case .backward = source else { return false }
    return true
  }

  /// The raw tensor that it reads, and the gradient.
  var y: TrainingBuffer? {
    switch source {
    case .forward(let forward): forward.input.y
    case .backward(let backward): backward.mask?.input.y ?? backward.norm?.y
    }
  }
  var g: TrainingBuffer? {
    guard case .backward(let backward) = source, case .tensor(let g, _, _) = backward.incoming else {
      return nil
    }
    return g
  }

  /// All that it reads.
  var buffers: [TrainingBuffer?] {
    switch source {
    case .forward(let forward):
      return [forward.input.y, forward.input.norm?.scale, forward.input.norm?.shift, forward.gate]
    case .backward(let backward):
      let norm = backward.mask?.input.norm
      let rest = [y, norm?.scale, norm?.shift, backward.norm?.coefficients]
      switch backward.incoming {
      case .tensor(let g, let gate, let offset): return rest + [g, gate, offset]
      case .shared(let offset): return rest + [offset]
      }
    }
  }

  // MARK: Composition

  /// The same after an activation; `nil` where it has one already, or a gate.
  func activated(_ function: ActivationFunction) -> Prologue? {
    affine.map { with(.forward(ForwardPrologue(input: $0, activation: function))) }
  }

  /// The same times a gate `[N, C]`; in a gradient the gate multiplies the incoming gradient. `nil` where another factor is in between.
  func gated(_ gate: TrainingBuffer) -> Prologue? {
    switch source {
    case .forward(var forward):
      guard forward.gate == nil else { return nil }
      forward.gate = gate
      return with(.forward(forward))
    case .backward:
      guard case .tensor(let g, nil, nil) = incoming else { return nil }
      return with(.backward(BackwardPrologue(incoming: .tensor(g, gate: gate, offset: nil))))
    }
  }

  // MARK: Kernel operands

  /// Whether an image has a gate or an offset of its own.
  private var hasImageVectors: Bool {
    switch source {
    case .forward(let forward): forward.gate != nil
    case .backward(let backward):
      switch backward.incoming {
      case .tensor(_, nil, nil): false
      case .tensor, .shared: true
      }
    }
  }

  /// The operands at one image.
  func operands(image: Int) -> sk_prologue {
    let at = image * channels
    var operands = sk_prologue(channels: channels)
    switch source {
    case .forward(let forward):
      operands.setInput(forward.input, forward.activation)
      operands.gate = forward.gate.map { UnsafePointer($0.pointer + at) }
    case .backward(let backward):
      if let mask = backward.mask { operands.setInput(mask.input, mask.activation) }
      if let norm = backward.norm {
        operands.y = UnsafePointer(norm.y.pointer)
        operands.a = UnsafePointer(norm.coefficients.pointer)
        operands.b = UnsafePointer(norm.coefficients.pointer + channels)
        operands.c = UnsafePointer(norm.coefficients.pointer + 2 * channels)
      }
      switch backward.incoming {
      case .tensor(let g, let gate, let offset):
        operands.g = UnsafePointer(g.pointer)
        operands.gate = gate.map { UnsafePointer($0.pointer + at) }
        operands.offset = offset.map { UnsafePointer($0.pointer + at) }
      case .shared(let offset): operands.offset = UnsafePointer(offset.pointer + at)
      }
    }
    return operands
  }

  /// Calls `body` with the operands for each range of pixels in [begin, end), counted through the batch, that has one gate.
  @inline(__always)
  func forEachImage(_ begin: Int, _ end: Int, _ body: (inout sk_prologue, Int, Int) -> Void) {
    if !hasImageVectors {
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
      evaluate(context, &operands, first, last, into: out + (first - begin) * stride, stride: stride)
    }
  }

  /// Computes pixels [begin, end) of one image, whose operands are at hand.
  @inline(__always)
  func evaluate(
    _ context: WorkerContext, _ operands: inout sk_prologue, _ begin: Int, _ end: Int,
    into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    if isGradient {
      context.training.gradient(&operands, begin, end, out, stride)
    } else {
      context.training.prologue(&operands, begin, end, out, stride)
    }
  }

  /// The address of pixels [begin, end): in the stored tensor, or computed into `out`, densely.
  func strip(
    _ context: WorkerContext, _ begin: Int, _ end: Int, _ out: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if let stored { return UnsafePointer(stored.pointer + begin * channels) }
    evaluate(context, begin, end, into: out, stride: channels)
    return UnsafePointer(out)
  }
}

extension sk_prologue {
  /// No operands yet.
  init(channels: Int) {
    self.init()
    (self.channels, y_stride, g_stride) = (channels, channels, channels)
  }

  /// activation(scale · y + shift), or where its derivative is taken.
  mutating func setInput(_ input: NormedTensor, _ activation: ActivationFunction?) {
    y = UnsafePointer(input.y.pointer)
    scale = input.norm.map { UnsafePointer($0.scale.pointer) }
    shift = input.norm.map { UnsafePointer($0.shift.pointer) }
    self.activation = Int32((activation?.code ?? SK_NONE).rawValue)
  }
}
