// DepthwiseLayer.swift: depthwise convolutions in training: a few rows at a time, in a window that slides down each image.

import CKernels
import SwiftletGraph

/// Depthwise convolutions whose windows slide over rows.
enum DepthwiseLayerLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    if let operation = node.operation as? DepthwiseConvolution {
      let (input, output) = (lowering.shape(node.inputs[0]), lowering.shape(node.outputs[0]))
      guard slides(operation.window, input, output) else { return false }
      let (x, weight, bias) = (
        try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]), try lowering.bias(node)
      )
      let packed = pack(
        node.label, weight, kernel: operation.window.kernel, channels: input[3], isFlipped: false,
        in: &lowering)
      lowering.append(
        DepthwiseForwardOp(
          node.label, DepthwiseGeometry(operation.window, input: input, output: output), x, packed: packed,
          bias: bias, lowering.outputStore(node.outputs[0]), shards: Shards(images: output[0])))
      return true
    }
    guard let layer = LayerGradients(node, at: index, in: lowering), layer.isDepthwise,
      slides(layer.window, layer.input, layer.output)
    else { return false }
    let operands = try lowering.operands(layer, partialCount: layer.weight.count)
    let packed = operands.weight.map {
      pack(
        node.label, $0, kernel: layer.window.kernel, channels: layer.input[3], isFlipped: true, in: &lowering)
    }
    lowering.append(
      DepthwiseBackwardOp(
        node.label, DepthwiseGeometry(layer.window, input: layer.input, output: layer.output), operands,
        packed: packed))
    if let partial = operands.partial, let (label, gradient) = lowering.weightGradient(layer) {
      lowering.append(
        ReduceOp(
          label, partial: partial, gradient: gradient, shards: operands.shards.count, transposedRows: nil))
    }
    return true
  }

  /// Whether every window begins inside the map, as the rows of ``DepthwiseForwardOp`` need it.
  private static func slides(_ window: Window, _ input: Shape, _ output: Shape) -> Bool {
    (output[1] - 1) * window.stride < input[1] && (output[2] - 1) * window.stride < input[2]
  }

  private static func pack(
    _ label: String, _ weight: TrainingBuffer, kernel: Int, channels: Int, isFlipped: Bool,
    in lowering: inout TrainingLowering
  ) -> TrainingBuffer {
    let packed = lowering.buffer(lowering.kernels.depthwise_packed_count(kernel, channels))
    lowering.append(
      DepthwisePackOp(
        label, weight, packed: packed, kernel: kernel, channels: channels, isFlipped: isFlipped))
    return packed
  }
}

/// Rows of an image in scratch memory, with zeros around them, so that a depthwise kernel reads without looking for edges.
private struct RowWindow {
  /// Rows, pixels of a row, channels.
  let rows: Int, width: Int, channels: Int
  /// The first pixel that is not border, floats from pixel to pixel, and image rows from one to the next.
  let left: Int, pixelStride: Int, rowStride: Int
  let memory: UnsafeMutablePointer<Float>

  var rowFloats: Int { width * channels }

  func clear() { memory.update(repeating: 0, count: rows * rowFloats) }

  /// The last `kept` rows become the first.
  func slide(keeping kept: Int, of filled: Int) {
    guard kept > 0 else { return }
    memory.update(from: memory + (filled - kept) * rowFloats, count: kept * rowFloats)
  }

  /// Fills a slot with a row of an image (counted in steps of `rowStride` through the window's rows), or with zeros.
  func fill(
    _ context: WorkerContext, slot: Int, row: Int, of prologue: Prologue, _ operands: inout sk_prologue,
    image: Int, height: Int, width: Int
  ) {
    let target = memory + slot * rowFloats
    guard row >= 0, row % rowStride == 0, row / rowStride < height else {
      target.update(repeating: 0, count: rowFloats)
      return
    }
    let begin = image * prologue.pixels + row / rowStride * width
    prologue.evaluate(
      context, &operands, begin, begin + width, into: target + left * channels, stride: pixelStride * channels
    )
  }
}

/// The sizes of a depthwise convolution.
struct DepthwiseGeometry {
  let window: Window
  let images: Int, channels: Int
  let height: Int, width: Int, outputHeight: Int, outputWidth: Int

  /// - Parameters:
  ///   - input: `[N, H, W, C]`.
  ///   - output: `[N, H′, W′, C]`.
  init(_ window: Window, input: Shape, output: Shape) {
    self.window = window
    (images, height, width, channels) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth) = (output[1], output[2])
  }

  var kernel: Int { window.kernel }
  var stride: Int { window.stride }
  /// Pixels of a window's row over the input.
  var inputWidth: Int { max((outputWidth - 1) * stride + kernel, width + window.padding.left) }
  /// Pixels of a window's row over the gradient, which has zeros between its pixels where the stride is 2.
  var gradientWidth: Int {
    max(width + kernel - 1, (outputWidth - 1) * stride + 1 + gradientLeft)
  }
  /// Zeros to the left of, and above, the gradient.
  var gradientLeft: Int { kernel - 1 - window.padding.left }
  var gradientTop: Int { kernel - 1 - window.padding.top }
  var multiplyAdds: Int { images * outputHeight * outputWidth * channels * kernel * kernel }
}

/// y = depthwise(prologue(x)), and Σ y, Σ y² where a norm follows.
final class DepthwiseForwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: DepthwiseGeometry
  private let x: Prologue
  private let packed: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let shards: Shards
  private let rows: Int

  init(
    _ label: String, _ geometry: DepthwiseGeometry, _ x: Prologue, packed: TrainingBuffer,
    bias: TrainingBuffer?, _ y: OutputStore, shards: Shards
  ) {
    (self.geometry, self.x, self.packed) = (geometry, x, packed)
    (self.bias, self.y, self.shards) = (bias, y, shards)
    let (c, k, s) = (geometry.channels, geometry.kernel, geometry.stride)
    let each = (geometry.inputWidth * s + geometry.outputWidth) * c
    let fixed = geometry.inputWidth * max(k - s, 0) * c
    rows = max(1, min(geometry.outputHeight, (stripFloats - fixed) / max(each, 1)))
    resources = OpResources(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ShardStatistics.floats(c) + geometry.inputWidth * ((rows - 1) * s + k) * c
        + rows * geometry.outputWidth * c + 32)
  }

  var multiplyAdds: Int { geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let channels = g.channels
    let window = RowWindow(
      rows: (rows - 1) * g.stride + g.kernel, width: g.inputWidth, channels: channels,
      left: g.window.padding.left, pixelStride: 1, rowStride: 1,
      memory: context.scratch + ShardStatistics.floats(channels))
    let result = window.memory + wholeLines(window.rows * window.rowFloats)
    let blocks = (channels + context.kernels.depthwise_block - 1) / context.kernels.depthwise_block
    for shard in shards.partition(of: worker, workers) {
      var statistics = ShardStatistics(
        y.statistics, shard: shard, channels: channels, scratch: context.scratch)
      window.clear()
      for image in shards[shard] {
        var xOperands = x.operands(image: image)
        var filled = 0
        for strip in (0..<g.outputHeight).tiles(of: rows) {
          let (first, last) = (strip.lowerBound, strip.upperBound)
          let needed = (last - first - 1) * g.stride + g.kernel
          let top = first * g.stride - g.window.padding.top
          let kept = first == 0 ? 0 : max(g.kernel - g.stride, 0)
          window.slide(keeping: kept, of: filled)
          for slot in kept..<needed {
            window.fill(
              context, slot: slot, row: top + slot, of: x, &xOperands, image: image, height: g.height,
              width: g.width)
          }
          filled = needed
          var call = sk_depthwise(.current)
          call.input = UnsafePointer(window.memory)
          call.input_stride = channels
          (call.height, call.width, call.channels) = (needed, window.width, channels)
          call.weights = UnsafePointer(packed.pointer)
          (call.kernel, call.stride) = (g.kernel, g.stride)
          let pixel = (image * g.outputHeight + first) * g.outputWidth
          call.output = y.target(pixel, result)
          call.output_stride = channels
          (call.output_height, call.output_width) = (last - first, g.outputWidth)
          call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
          context.kernels.depthwise(&call, 0, last - first, 0, blocks)
          y.store(context, result, pixel, count: (last - first) * g.outputWidth, &statistics)
        }
      }
    }
  }
}

/// From prologue(dy): dw for each shard, and dx: the convolution of dy, with zeros between its pixels where the stride is 2, with
/// the kernel rotated by 180°.
final class DepthwiseBackwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: DepthwiseGeometry
  private let operands: LayerGradientOperands
  private let packed: TrainingBuffer?
  private let rows: Int

  /// - Parameters:
  ///   - operands: with partial gradients `[shards, taps, C]`.
  ///   - packed: the kernel rotated by 180°; `nil` where no data gradient is needed.
  init(
    _ label: String, _ geometry: DepthwiseGeometry, _ operands: LayerGradientOperands,
    packed: TrainingBuffer?
  ) {
    (self.geometry, self.operands, self.packed) = (geometry, operands, packed)
    let (c, k, s) = (geometry.channels, geometry.kernel, geometry.stride)
    let each = (geometry.inputWidth + geometry.gradientWidth + geometry.width) * s * c
    let fixed = (geometry.inputWidth * max(k - s, 0) + geometry.gradientWidth * (k - 1)) * c
    rows = max(1, min(geometry.outputHeight, (2 * stripFloats - fixed) / max(each, 1)))
    // The last strip also has the input rows that no whole stride covers.
    let most = rows * s + 2 * k
    resources = OpResources(
      label, uses: operands.buffers + [packed],
      scratch: ShardSums.floats(c) + most * (geometry.inputWidth + geometry.gradientWidth + geometry.width)
        * c + 64)
  }

  var multiplyAdds: Int { operands.count * geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let (x, dy, partial, dx) = (operands.x, operands.dy, operands.partial, operands.dx)
    let shards = operands.shards
    let (channels, kernel, stride) = (g.channels, g.kernel, g.stride)
    let most = rows * stride + 2 * kernel
    let input = RowWindow(
      rows: most, width: g.inputWidth, channels: channels, left: g.window.padding.left, pixelStride: 1,
      rowStride: 1, memory: context.scratch + ShardSums.floats(channels))
    let gradient = RowWindow(
      rows: most, width: g.gradientWidth, channels: channels, left: g.gradientLeft, pixelStride: stride,
      rowStride: stride, memory: input.memory + wholeLines(most * input.rowFloats))
    let result = gradient.memory + wholeLines(most * gradient.rowFloats)
    let blocks = (channels + context.kernels.depthwise_block - 1) / context.kernels.depthwise_block
    for shard in shards.partition(of: worker, workers) {
      let sums = ShardSums(dx?.sums?.totals, shard: shard, channels: channels, strip: context.scratch)
      let weights = partial.map { $0.pointer + shard * kernel * kernel * channels }
      weights?.update(repeating: 0, count: kernel * kernel * channels)
      input.clear()
      gradient.clear()
      for image in shards[shard] {
        var dyOperands = dy.operands(image: image)
        var xOperands = x?.operands(image: image) ?? sk_prologue()
        var (filledInput, filledGradient) = (0, 0)
        for strip in (0..<g.outputHeight).tiles(of: rows) {
          let (first, last) = (strip.lowerBound, strip.upperBound)
          let (begin, end) = (first * stride, last == g.outputHeight ? g.height : last * stride)
          // Rows of dy, counted with the zeros between them, that contribute to the input rows [begin, end); the strip's own at least.
          let top = begin - g.gradientTop
          let needed = max(end - begin + kernel - 1, (last - 1) * stride + 1 - top)
          let kept = first == 0 ? 0 : kernel - 1
          gradient.slide(keeping: kept, of: filledGradient)
          for slot in kept..<needed {
            gradient.fill(
              context, slot: slot, row: top + slot, of: dy, &dyOperands, image: image, height: g.outputHeight,
              width: g.outputWidth)
          }
          // The next strip's window begins where this one's input rows end.
          filledGradient = end - begin + kernel - 1
          if let x, let weights {
            let neededInput = (last - first - 1) * stride + kernel
            let keptInput = first == 0 ? 0 : max(kernel - stride, 0)
            input.slide(keeping: keptInput, of: filledInput)
            for slot in keptInput..<neededInput {
              input.fill(
                context, slot: slot, row: begin - g.window.padding.top + slot, of: x, &xOperands,
                image: image,
                height: g.height, width: g.width)
            }
            filledInput = neededInput
            var call = sk_depthwise_weight_gradient()
            call.x_row = input.rowFloats
            call.g_pixel = stride * channels
            (call.pixels, call.channels) = (g.outputWidth, channels)
            (call.kernel, call.stride) = (kernel, stride)
            call.w = weights
            for row in first..<last {
              call.x = UnsafePointer(input.memory + (row - first) * stride * input.rowFloats)
              call.g = UnsafePointer(
                gradient.memory + (row * stride - top) * gradient.rowFloats + g.gradientLeft * channels)
              context.training.depthwise_weight_gradient(&call)
            }
          }
          if let dx, let packed {
            var call = sk_depthwise(.current)
            call.input = UnsafePointer(gradient.memory)
            call.input_stride = channels
            (call.height, call.width, call.channels) = (
              end - begin + kernel - 1, gradient.width, channels
            )
            call.weights = UnsafePointer(packed.pointer)
            (call.kernel, call.stride) = (kernel, 1)
            let pixel = (image * g.height + begin) * g.width
            call.output = dx.isDirect ? dx.destination.pointer + pixel * channels : result
            call.output_stride = channels
            (call.output_height, call.output_width) = (end - begin, g.width)
            call.epilogue.residual = dx.residual.map { UnsafePointer($0.pointer + pixel * channels) }
            call.epilogue.residual_stride = channels
            context.kernels.depthwise(&call, 0, end - begin, 0, blocks)
            dx.store(
              context, result, pixel, pixel + (end - begin) * g.width, channels: channels, sums)
          }
        }
      }
    }
  }
}
