// PointwiseConvolution.swift: 1 × 1 convolutions in training: strips of pixels, normed on the way in, summed on the way out.

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
          shards: Shards(images: lowering.shape(node.outputs[0])[0])))
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
          label, partial: partial, gradient: gradient, shards: operands.shards.count,
          transposedRows: isTransposed ? outputs : nil))
    }
    return true
  }

  private static func isPointwise(_ window: Window, groups: Int) -> Bool {
    window.kernel == 1 && window.stride == 1 && window.padding == .none && groups == 1
  }
}

/// Pixels [begin, end) of a tensor as memory to prefetch; none where there is no tensor.
private func memory(
  _ tensor: TrainingBuffer?, _ begin: Int, _ end: Int, _ channels: Int
) -> (UnsafePointer<CChar>?, UnsafePointer<CChar>?) {
  guard let tensor else { return (nil, nil) }
  let start = UnsafeRawPointer(tensor.pointer).assumingMemoryBound(to: CChar.self)
  return (start + 4 * begin * channels, start + 4 * end * channels)
}

/// y = prologue(x) · w, and Σ y, Σ y² where a norm follows.
final class PointwiseForwardOp: TrainingOp {
  let resources: OpResources
  private let x: Prologue
  private let packed: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let shards: Shards
  private let step: Int

  init(
    _ label: String, _ x: Prologue, packed: TrainingBuffer, bias: TrainingBuffer?, _ y: OutputStore,
    shards: Shards
  ) {
    (self.x, self.packed, self.bias, self.y, self.shards) = (x, packed, bias, y, shards)
    // The input as read, the prologue's result, and the output.
    step = stripPixels(floats: 2 * x.channels + y.channels)
    resources = OpResources(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ShardStatistics.floats(y.channels) + step * (x.channels + y.channels))
  }

  var multiplyAdds: Int { shards.images * x.pixels * x.channels * y.channels }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let outputs = y.channels
    let strip = context.scratch + ShardStatistics.floats(outputs)
    let result = strip + step * x.channels
    let panels = context.panels(outputs)
    for shard in shards.partition(of: worker, workers) {
      var statistics = ShardStatistics(
        y.statistics, shard: shard, channels: outputs, scratch: context.scratch)
      let all = shards.pixels(shard, each: x.pixels)
      for pixels in all.tiles(of: step) {
        let (pixel, last) = (pixels.lowerBound, pixels.upperBound)
        var call = sk_gemm(.current)
        call.a = x.strip(context, pixel, last, strip)
        call.a_stride = x.channels
        call.b = UnsafePointer(packed.pointer)
        call.c = y.target(pixel, result)
        call.c_stride = outputs
        (call.rows, call.depth, call.columns) = (pixels.count, x.channels, outputs)
        call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
        (call.prefetch, call.prefetch_end) = memory(x.y, last, min(last + step, all.upperBound), x.channels)
        context.kernels.gemm(&call, 0, pixels.count, 0, panels)
        y.store(context, result, pixel, count: pixels.count, &statistics)
      }
    }
  }
}

/// From prologue(dy): dw = prologue(x)ᵀ · dy for each shard, and dx = dy · wᵀ.
final class PointwiseBackwardOp: TrainingOp {
  let resources: OpResources
  private let operands: LayerGradientOperands
  private let packed: TrainingBuffer?
  private let inputs: Int
  private let isTransposed: Bool
  private let step: Int

  /// - Parameters:
  ///   - operands: with partial gradients `[shards, I, O]`, or `[shards, O, I]` where `isTransposed`.
  ///   - packed: wᵀ; `nil` where no data gradient is needed.
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
      scratch: ShardSums.floats(inputs) + step * (2 * inputs + outputs) + 32)
  }

  var multiplyAdds: Int {
    operands.count * operands.shards.images * operands.dy.pixels * inputs * operands.dy.channels
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (x, dy, partial, dx) = (operands.x, operands.dy, operands.partial, operands.dx)
    let shards = operands.shards
    let outputs = dy.channels
    let gradientStrip = context.scratch + ShardSums.floats(inputs)
    let inputStrip = gradientStrip + wholeLines(step * outputs)
    let result = inputStrip + wholeLines(step * inputs)
    for shard in shards.partition(of: worker, workers) {
      let sums = ShardSums(dx?.sums?.totals, shard: shard, channels: inputs, strip: context.scratch)
      let all = shards.pixels(shard, each: dy.pixels)
      for pixels in all.tiles(of: step) {
        let (pixel, last) = (pixels.lowerBound, pixels.upperBound)
        let g = dy.strip(context, pixel, last, gradientStrip)
        if let x, let partial {
          let a = x.strip(context, pixel, last, inputStrip)
          var product = sk_weight_gradient()
          (product.a, product.v) = isTransposed ? (g, a) : (a, g)
          (product.rows, product.columns) = isTransposed ? (outputs, inputs) : (inputs, outputs)
          (product.a_pixel, product.v_pixel) = (product.rows, product.columns)
          (product.images, product.runs, product.length) = (1, 1, pixels.count)
          product.w = partial.pointer + shard * inputs * outputs
          product.w_stride = product.columns
          product.adds = pixel == all.lowerBound ? 0 : 1
          var prefetch = sk_prefetch()
          let next = min(last + step, all.upperBound)
          (prefetch.at.0, prefetch.end.0) = memory(dy.g, last, next, outputs)
          (prefetch.at.1, prefetch.end.1) = memory(dy.y, last, next, outputs)
          (prefetch.at.2, prefetch.end.2) = memory(x.y, last, next, inputs)
          withUnsafeMutablePointer(to: &prefetch) {
            product.prefetch = $0
            context.training.weight_gradient(&product, 0, product.columns)
          }
        }
        if let dx, let packed {
          var call = sk_gemm(.current)
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
