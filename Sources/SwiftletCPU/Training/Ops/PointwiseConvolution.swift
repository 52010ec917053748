// PointwiseOp.swift: 1 × 1 convolutions in training: strips of pixels, normed on the way in, summed on the way out.

import CKernels
import SwiftletGraph

/// Dense 1 × 1 convolutions.
enum PointwiseConvolutionLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    if let operation = node.operation as? Convolution {
      guard isPointwise(operation.window, groups: operation.groups) else { return false }
      let kernel = lowering.shape(node.inputs[1])
      let (x, weight, bias) = (
        try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]), try lowering.bias(node)
      )
      let packed = lowering.packed(
        node.label, weight, taps: [0], inputs: kernel[2], outputs: kernel[3], isTransposed: false)
      lowering.append(
        PointwiseForwardOp(
          node.label, x, packed: packed, bias: bias, lowering.outputStore(node.outputs[0]),
          chunks: Chunks(images: lowering.shape(node.outputs[0])[0])))
      return true
    }
    guard let layer = LayerGradients(node, at: index, in: lowering), !layer.isDepthwise,
      isPointwise(layer.window, groups: layer.groups)
    else { return false }
    let (inputs, outputs) = (layer.input[3], layer.output[3])
    let operands = try lowering.operands(layer, partialCount: inputs * outputs)
    let packed = operands.weight.map {
      lowering.packed(node.label, $0, taps: [0], inputs: inputs, outputs: outputs, isTransposed: true)
    }
    // Wide columns keep the multipliers busy; where both sides are wide, turning the result around costs more.
    let isTransposed = inputs > outputs && outputs < 128
    lowering.append(
      PointwiseBackwardOp(node.label, operands, inputs: inputs, isTransposed: isTransposed, packed: packed))
    if let partial = operands.partial, let (label, gradient) = lowering.weightGradient(layer) {
      lowering.append(
        ReduceOp(
          label, partial: partial, gradient: gradient, chunks: operands.chunks.count,
          transposedRows: isTransposed ? outputs : nil))
    }
    return true
  }

  private static func isPointwise(_ window: Window, groups: Int) -> Bool {
    window.kernel == 1 && window.stride == 1 && window.padding == .none && groups == 1
  }
}

/// Pixels [begin, end) of a tensor as memory to ask for; none where there is no tensor.
private func memory(
  _ tensor: TrainingBuffer?, _ begin: Int, _ end: Int, _ channels: Int
) -> (UnsafePointer<CChar>?, UnsafePointer<CChar>?) {
  guard let tensor else { return (nil, nil) }
  let start = UnsafeRawPointer(tensor.pointer).assumingMemoryBound(to: CChar.self)
  return (start + 4 * begin * channels, start + 4 * end * channels)
}

/// y = view(x) · w, and Σ y, Σ y² where a norm follows.
final class PointwiseForwardOp: TrainingOp {
  let resources: OpResources
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
    resources = OpResources(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ChunkMoments.floats(y.channels) + step * (x.channels + y.channels))
  }

  var multiplyAdds: Int { chunks.images * x.pixels * x.channels * y.channels }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let outputs = y.channels
    let strip = context.scratch + ChunkMoments.floats(outputs)
    let result = strip + step * x.channels
    let panels = context.panels(outputs)
    for chunk in chunks.share(of: worker, workers) {
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
final class PointwiseBackwardOp: TrainingOp {
  let resources: OpResources
  private let operands: LayerGradientOperands
  private let packed: TrainingBuffer?
  private let inputs: Int
  private let isTransposed: Bool
  private let step: Int

  /// - Parameters:
  ///   - operands: with partial gradients `[chunks, I, O]`, or `[chunks, O, I]` where `isTransposed`.
  ///   - packed: wᵀ; `nil` where nobody needs dx.
  init(
    _ label: String, _ operands: LayerGradientOperands, inputs: Int, isTransposed: Bool,
    packed: TrainingBuffer?
  ) {
    (self.operands, self.packed, self.inputs, self.isTransposed) = (operands, packed, inputs, isTransposed)
    let outputs = operands.dy.channels
    // The gradient and y of both sides are read, and the next strip's are on their way.
    step = stripPixels(floats: 3 * inputs + 3 * outputs)
    resources = OpResources(
      label, uses: operands.buffers + [packed],
      scratch: ChunkSums.floats(inputs) + step * (2 * inputs + outputs) + 32)
  }

  var multiplyAdds: Int {
    operands.count * operands.chunks.images * operands.dy.pixels * inputs * operands.dy.channels
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (x, dy, partial, dx) = (operands.x, operands.dy, operands.partial, operands.dx)
    let chunks = operands.chunks
    let outputs = dy.channels
    let gradientStrip = context.scratch + ChunkSums.floats(inputs)
    let inputStrip = gradientStrip + (step * outputs + 15) / 16 * 16
    let result = inputStrip + (step * inputs + 15) / 16 * 16
    for chunk in chunks.share(of: worker, workers) {
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
          context.kernels.gemm(&call, 0, pixels.count, 0, context.panels(inputs))
          dx.store(context, result, pixel, last, channels: inputs, sums)
        }
      }
    }
  }
}
