// PointwiseWork.swift: 1 × 1 convolutions in training: strips of pixels, normed on the way in, summed on the way out.

import CKernels
import SwiftletGraph

/// Pixels [begin, end) of a tensor as memory to ask for; none where there is no tensor.
private func memory(
  _ tensor: TrainingBuffer?, _ begin: Int, _ end: Int, _ channels: Int
) -> (UnsafePointer<CChar>?, UnsafePointer<CChar>?) {
  guard let tensor else { return (nil, nil) }
  let start = UnsafeRawPointer(tensor.pointer).assumingMemoryBound(to: CChar.self)
  return (start + 4 * begin * channels, start + 4 * end * channels)
}

/// y = view(x) · w, and Σ y, Σ y² where a norm follows.
final class PointwiseForwardWork: TrainingWork {
  private let x: TrainingView
  private let packed: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let chunks: Chunks
  private let step: Int

  init(
    _ label: String, _ x: TrainingView, packed: TrainingBuffer, bias: TrainingBuffer?, _ y: OutputStore,
    chunks: Chunks
  ) {
    (self.x, self.packed, self.bias, self.y, self.chunks) = (x, packed, bias, y, chunks)
    // What is read, what is made of it, and the result.
    step = stripPixels(floats: 2 * x.channels + y.channels)
    super.init(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ChunkMoments.floats(y.channels) + step * (x.channels + y.channels))
  }

  override var multiplyAdds: Int { chunks.images * x.pixels * x.channels * y.channels }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let outputs = y.channels
    let strip = context.scratch + ChunkMoments.floats(outputs)
    let result = strip + step * x.channels
    let panels = (outputs + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    for chunk in chunks.share(of: part, parts) {
      var moments = ChunkMoments(y.statistics, chunk: chunk, channels: outputs, scratch: context.scratch)
      let all = chunks.pixels(chunk, each: x.pixels)
      for pixels in all.pieces(of: step) {
        let (pixel, last) = (pixels.lowerBound, pixels.upperBound)
        var call = sk_gemm()
        call.a = x.strip(context, pixel, last, strip)
        call.a_stride = x.channels
        call.b = UnsafePointer(packed.pointer)
        call.c = y.target(pixel, result)
        call.c_stride = outputs
        (call.rows, call.depth, call.columns) = (pixels.count, x.channels, outputs)
        call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
        (call.ahead, call.ahead_end) = memory(x.y, last, min(last + step, all.upperBound), x.channels)
        context.kernels.gemm(&call, 0, pixels.count, 0, panels)
        y.store(context, result, pixel, count: pixels.count, &moments)
      }
    }
  }
}

/// From view(dy): dw = view(x)ᵀ · dy for each chunk, and dx = dy · wᵀ.
final class PointwiseBackwardWork: TrainingWork {
  private let x: TrainingView?, dy: TrainingView
  private let partial: TrainingBuffer?
  private let packed: TrainingBuffer?, dx: GradientEpilogue?
  private let inputs: Int
  private let isTransposed: Bool
  private let chunks: Chunks
  private let step: Int

  /// - Parameters:
  ///   - partial: `[chunks, I, O]`, or `[chunks, O, I]` where `isTransposed`; `nil` where weights are frozen.
  ///   - packed: wᵀ; `nil` where nobody needs dx.
  init(
    _ label: String, x: TrainingView?, dy: TrainingView, inputs: Int, partial: TrainingBuffer?,
    isTransposed: Bool, packed: TrainingBuffer?, dx: GradientEpilogue?, chunks: Chunks
  ) {
    (self.x, self.dy, self.inputs, self.partial) = (x, dy, inputs, partial)
    (self.isTransposed, self.packed, self.dx, self.chunks) = (isTransposed, packed, dx, chunks)
    // The gradient and y of both sides are read, and the next strip's are on their way.
    step = stripPixels(floats: 3 * inputs + 3 * dy.channels)
    super.init(
      label, uses: (x?.buffers ?? []) + dy.buffers + [partial, packed] + (dx?.buffers ?? []),
      scratch: ChunkSums.floats(inputs) + step * (2 * inputs + dy.channels) + 32)
  }

  override var multiplyAdds: Int {
    ((partial == nil ? 0 : 1) + (dx == nil ? 0 : 1)) * chunks.images * dy.pixels * inputs * dy.channels
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let outputs = dy.channels
    let gradientStrip = context.scratch + ChunkSums.floats(inputs)
    let inputStrip = gradientStrip + (step * outputs + 15) / 16 * 16
    let result = inputStrip + (step * inputs + 15) / 16 * 16
    for chunk in chunks.share(of: part, parts) {
      let sums = ChunkSums(dx?.totals, chunk: chunk, channels: inputs, strip: context.scratch)
      let all = chunks.pixels(chunk, each: dy.pixels)
      for pixels in all.pieces(of: step) {
        let (pixel, last) = (pixels.lowerBound, pixels.upperBound)
        let g = dy.strip(context, pixel, last, gradientStrip)
        if let x, let partial {
          let a = x.strip(context, pixel, last, inputStrip)
          var outer = sk_outer()
          (outer.a, outer.v) = isTransposed ? (g, a) : (a, g)
          (outer.rows, outer.columns) = isTransposed ? (outputs, inputs) : (inputs, outputs)
          (outer.a_pixel, outer.v_pixel) = (outer.rows, outer.columns)
          (outer.images, outer.runs, outer.length) = (1, 1, pixels.count)
          outer.w = partial.pointer + chunk * inputs * outputs
          outer.w_stride = outer.columns
          outer.adds = pixel == all.lowerBound ? 0 : 1
          var ahead = sk_ahead()
          let next = min(last + step, all.upperBound)
          (ahead.at.0, ahead.end.0) = memory(dy.g, last, next, outputs)
          (ahead.at.1, ahead.end.1) = memory(dy.y, last, next, outputs)
          (ahead.at.2, ahead.end.2) = memory(x.y, last, next, inputs)
          withUnsafeMutablePointer(to: &ahead) {
            outer.ahead = $0
            context.training.outer(&outer, 0, outer.columns)
          }
        }
        if let dx, let packed {
          var call = sk_gemm()
          call.a = g
          call.a_stride = outputs
          call.b = UnsafePointer(packed.pointer)
          call.c = dx.isDirect ? dx.destination.pointer + pixel * inputs : result
          call.c_stride = inputs
          (call.rows, call.depth, call.columns) = (pixels.count, outputs, inputs)
          call.epilogue.residual = dx.residual.map { UnsafePointer($0.pointer + pixel * inputs) }
          call.epilogue.residual_stride = inputs
          let panels = (inputs + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
          context.kernels.gemm(&call, 0, pixels.count, 0, panels)
          dx.store(context, result, pixel, last, channels: inputs, sums)
        }
      }
    }
  }
}
