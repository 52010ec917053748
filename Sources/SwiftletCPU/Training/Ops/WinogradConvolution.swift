// WinogradConvolution.swift: dense 3 × 3 convolutions with stride 1 in training, all three products by Winograd's F(4 × 4, 3 × 3): a quarter of
// the multiplications. Lavin and Gray 2015, section 4.3; the weight gradient is that section's F transposed: with V = Bᵀ d B and
// M′ = A dy Aᵀ, dU = Σ over tiles of V ⊙ M′, and dw = Gᵀ dU G.

import CKernels
import SwiftletGraph

/// Dense 3 × 3 convolutions with stride 1 where tiles pay.
enum WinogradConvolutionLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    if let operation = node.operation as? Convolution {
      let kernel = lowering.shape(node.inputs[1])
      guard operation.groups == 1,
        let geometry = WinogradGeometry(
          operation.window, input: lowering.shape(node.inputs[0]), output: lowering.shape(node.outputs[0]),
          lowering.winograd)
      else { return false }
      let (x, weight, bias) = (
        try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]), try lowering.bias(node)
      )
      let (depth, columns) = (kernel[2], kernel[3])
      let packed = lowering.buffer(
        36 * geometry.weightStride(lowering.kernels, depth: depth, columns: columns))
      lowering.append(WinogradPackOp(node.label, weight, packed: packed, depth: depth, columns: columns))
      lowering.append(
        WinogradForwardOp(
          node.label, geometry, x, packed: packed, bias: bias, lowering.outputStore(node.outputs[0]),
          shards: Shards(images: geometry.images)))
      return true
    }
    guard let layer = LayerGradients(node, at: index, in: lowering), !layer.isDepthwise, layer.groups == 1,
      let geometry = WinogradGeometry(
        layer.window, input: layer.input, output: layer.output, lowering.winograd)
    else { return false }
    let operands = try lowering.operands(layer, partialCount: 36 * geometry.inputs * geometry.outputs)
    let packed = operands.weight.map { weight in
      let (inputs, outputs) = (geometry.inputs, geometry.outputs)
      let rotated = lowering.buffer(weight.count)
      lowering.append(
        RotateWeightsOp(node.label, weight, rotated, taps: 9, inputs: inputs, outputs: outputs))
      let packed = lowering.buffer(
        36 * geometry.weightStride(lowering.kernels, depth: outputs, columns: inputs))
      lowering.append(WinogradPackOp(node.label, rotated, packed: packed, depth: outputs, columns: inputs))
      return packed
    }
    lowering.append(WinogradBackwardOp(node.label, geometry, operands, packed: packed))
    if let partial = operands.partial, let (label, gradient) = lowering.weightGradient(layer) {
      lowering.append(
        WinogradReduceOp(label, partial: partial, gradient: gradient, shards: operands.shards.count))
    }
    return true
  }
}

/// The sizes of such a convolution, and its strips: groups of whole images.
struct WinogradGeometry {
  let images: Int, inputs: Int, outputs: Int
  let height: Int, width: Int, outputHeight: Int, outputWidth: Int
  let padding: Padding
  /// Images of a strip.
  let group: Int

  /// `nil` where the convolution is of another kind, or too small to gain.
  init?(_ window: Window, input: Shape, output: Shape, _ use: CPUBackend.Use) {
    guard use != .never, window.kernel == 3, window.stride == 1 else { return nil }
    (images, height, width, inputs) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth, outputs) = (output[1], output[2], output[3])
    padding = window.padding
    let tiles = (output[1] + 3) / 4 * ((output[2] + 3) / 4)
    if use == .whereItPays {
      // Of 144 products 36 are left for a whole tile, and the transforms cost about as much as 8 channels.
      let useful = Double(output[1] * output[2]) / Double(16 * tiles)
      guard inputs >= 16, outputs >= 16, useful >= 0.5, tiles <= 1024 else { return nil }
    }
    // Enough tiles that each read of the weights serves many, few enough that the intermediate results stay in the cache.
    let fitting = 10 * stripFloats / 4 / (36 * (inputs + outputs))
    let enough = max(32, inputs * outputs / 4096)
    group = max(1, min(max(fitting, enough) / tiles, images))
  }

  /// Tiles of an image.
  var tiles: Int { (outputHeight + 3) / 4 * ((outputWidth + 3) / 4) }
  var inputPixels: Int { height * width }
  var outputPixels: Int { outputHeight * outputWidth }
  /// As the direct convolution counts them.
  var multiplyAdds: Int { images * outputPixels * 9 * inputs * outputs }
  /// Floats from one packed matrix to the next.
  func weightStride(_ kernels: sk_kernels, depth: Int, columns: Int) -> Int {
    wholeLines(kernels.gemm_packed_count(depth, columns))
  }
}

/// Weights transformed and packed for such products: 36 matrices.
final class WinogradPackOp: TrainingOp {
  let resources: OpResources
  private let weight: TrainingBuffer, packed: TrainingBuffer
  private let depth: Int, columns: Int

  /// - Parameter weight: `[3, 3, depth, columns]`.
  init(_ label: String, _ weight: TrainingBuffer, packed: TrainingBuffer, depth: Int, columns: Int) {
    (self.weight, self.packed, self.depth, self.columns) = (weight, packed, depth, columns)
    resources = OpResources(label, uses: [weight, packed])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let panels = (columns + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    let mine = Range.partition(panels, of: worker, workers)
    context.training.winograd_pack(
      weight.pointer, depth, columns, packed.pointer, packed.count / 36, mine.lowerBound, mine.upperBound)
  }
}

/// Weights `[taps, I, O]` with taps rotated by 180°, as `[taps, O, I]`: the weights of a data gradient's convolution.
final class RotateWeightsOp: TrainingOp {
  let resources: OpResources
  private let weight: TrainingBuffer, rotated: TrainingBuffer
  private let taps: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ weight: TrainingBuffer, _ rotated: TrainingBuffer, taps: Int, inputs: Int, outputs: Int
  ) {
    (self.weight, self.rotated, self.taps) = (weight, rotated, taps)
    (self.inputs, self.outputs) = (inputs, outputs)
    resources = OpResources(label, uses: [weight, rotated])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    // Blocks that stay in the first-level cache on both sides.
    let block = 16
    let size = inputs * outputs
    for columns in Range.partition(outputs, of: worker, workers, unit: block).tiles(of: block) {
      for tap in 0..<taps {
        let (source, target) = (weight.pointer + (taps - 1 - tap) * size, rotated.pointer + tap * size)
        for rows in (0..<inputs).tiles(of: block) {
          for i in rows {
            for column in columns { target[column * inputs + i] = source[i * outputs + column] }
          }
        }
      }
    }
  }
}

/// Tiles of a group of images through the 36 products.
private func multiply(
  _ context: WorkerContext, tiles: Int, depth: Int, columns: Int, _ transformed: UnsafeMutablePointer<Float>,
  _ packed: TrainingBuffer, _ products: UnsafeMutablePointer<Float>
) {
  var product = sk_gemm(.current)
  (product.a_stride, product.c_stride) = (depth, columns)
  (product.rows, product.depth, product.columns) = (tiles, depth, columns)
  let panels = (columns + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
  let stride = packed.count / 36
  for position in 0..<36 {
    product.a = UnsafePointer(transformed + position * tiles * depth)
    product.b = UnsafePointer(packed.pointer + position * stride)
    product.c = products + position * tiles * columns
    context.kernels.gemm(&product, 0, tiles, 0, panels)
  }
}

/// y = convolution(prologue(x)), and Σ y, Σ y² where a norm follows.
final class WinogradForwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: WinogradGeometry
  private let x: Prologue
  private let packed: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let shards: Shards

  init(
    _ label: String, _ geometry: WinogradGeometry, _ x: Prologue, packed: TrainingBuffer,
    bias: TrainingBuffer?, _ y: OutputStore, shards: Shards
  ) {
    (self.geometry, self.x, self.packed) = (geometry, x, packed)
    (self.bias, self.y, self.shards) = (bias, y, shards)
    let g = geometry
    resources = OpResources(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ShardStatistics.floats(g.outputs) + g.group
        * (g.inputPixels * g.inputs + g.outputPixels * g.outputs)
        + 36 * g.group * g.tiles * (g.inputs + g.outputs) + 64)
  }

  var multiplyAdds: Int { geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let strip = context.scratch + ShardStatistics.floats(g.outputs)
    let result = strip + wholeLines(g.group * g.inputPixels * g.inputs)
    let transformed = result + wholeLines(g.group * g.outputPixels * g.outputs)
    let products = transformed + 36 * g.group * g.tiles * g.inputs
    for shard in shards.partition(of: worker, workers) {
      var statistics = ShardStatistics(
        y.statistics, shard: shard, channels: g.outputs, scratch: context.scratch)
      for images in shards[shard].tiles(of: g.group) {
        let (first, last, count) = (images.lowerBound, images.upperBound, images.count)
        let tiles = count * g.tiles
        let input = x.strip(context, first * g.inputPixels, last * g.inputPixels, strip)
        let pixel = first * g.outputPixels
        let output = y.target(pixel, result)
        var call = g.forwardCall(tiles: tiles)
        call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
        for index in 0..<count {
          call.input = input + index * g.inputPixels * g.inputs
          context.kernels.winograd_input(&call, 0, g.tiles, transformed + index * g.tiles * g.inputs)
        }
        multiply(context, tiles: tiles, depth: g.inputs, columns: g.outputs, transformed, packed, products)
        for index in 0..<count {
          call.c = output + index * g.outputPixels * g.outputs
          context.kernels.winograd_output(&call, 0, g.tiles, products + index * g.tiles * g.outputs)
        }
        y.store(context, result, pixel, count: count * g.outputPixels, &statistics)
      }
    }
  }
}

/// From prologue(dy): dU for each shard, and dx.
final class WinogradBackwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: WinogradGeometry
  private let operands: LayerGradientOperands
  private let packed: TrainingBuffer?

  /// - Parameters:
  ///   - operands: with partial gradients `[shards, 36, I, O]`.
  ///   - packed: the weights rotated by 180°; `nil` where no data gradient is needed.
  init(
    _ label: String, _ geometry: WinogradGeometry, _ operands: LayerGradientOperands, packed: TrainingBuffer?
  ) {
    (self.geometry, self.operands, self.packed) = (geometry, operands, packed)
    let g = geometry
    resources = OpResources(
      label, uses: operands.buffers + [packed],
      scratch: ShardSums.floats(g.inputs) + g.group * (g.inputPixels * g.inputs + g.outputPixels * g.outputs)
        + 36 * g.group * max(g.tiles, g.inputTiles) * (g.inputs + g.outputs) + 64)
  }

  var multiplyAdds: Int { operands.count * geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let (x, dy, partial, dx) = (operands.x, operands.dy, operands.partial, operands.dx)
    let shards = operands.shards
    let gradientStrip = context.scratch + ShardSums.floats(g.inputs)
    // The input's strip is no longer needed when the result's is made.
    let inputStrip = gradientStrip + wholeLines(g.group * g.outputPixels * g.outputs)
    let first = inputStrip + wholeLines(g.group * g.inputPixels * g.inputs)
    let most = g.group * max(g.tiles, g.inputTiles)
    for shard in shards.partition(of: worker, workers) {
      let sums = ShardSums(dx?.sums?.totals, shard: shard, channels: g.inputs, strip: context.scratch)
      for images in shards[shard].tiles(of: g.group) {
        let (image, last, count) = (images.lowerBound, images.upperBound, images.count)
        let gradient = dy.strip(context, image * g.outputPixels, last * g.outputPixels, gradientStrip)
        if let x, let partial {
          let input = x.strip(context, image * g.inputPixels, last * g.inputPixels, inputStrip)
          let (values, gradients) = (first, first + 36 * most * g.inputs)
          var call = g.forwardCall(tiles: count * g.tiles)
          for index in 0..<count {
            call.input = input + index * g.inputPixels * g.inputs
            context.kernels.winograd_input(&call, 0, g.tiles, values + index * g.tiles * g.inputs)
            call.c = UnsafeMutablePointer(mutating: gradient + index * g.outputPixels * g.outputs)
            context.training.winograd_gradient(&call, 0, g.tiles, gradients + index * g.tiles * g.outputs)
          }
          let sum = partial.pointer + shard * 36 * g.inputs * g.outputs
          var product = sk_weight_gradient()
          (product.a_pixel, product.v_pixel) = (g.inputs, g.outputs)
          (product.images, product.runs, product.length) = (1, 1, count * g.tiles)
          (product.rows, product.columns) = (g.inputs, g.outputs)
          product.w_stride = g.outputs
          product.adds = image == shards[shard].lowerBound ? 0 : 1
          for position in 0..<36 {
            product.a = UnsafePointer(values + position * count * g.tiles * g.inputs)
            product.v = UnsafePointer(gradients + position * count * g.tiles * g.outputs)
            product.w = sum + position * g.inputs * g.outputs
            context.training.weight_gradient(&product, 0, g.outputs)
          }
        }
        if let dx, let packed {
          let (values, products) = (first, first + 36 * most * g.outputs)
          let tiles = count * g.inputTiles
          var call = g.backwardCall(tiles: tiles)
          let pixel = image * g.inputPixels
          let target = dx.isDirect ? dx.destination.pointer + pixel * g.inputs : inputStrip
          for index in 0..<count {
            call.input = gradient + index * g.outputPixels * g.outputs
            context.kernels.winograd_input(&call, 0, g.inputTiles, values + index * g.inputTiles * g.outputs)
          }
          multiply(context, tiles: tiles, depth: g.outputs, columns: g.inputs, values, packed, products)
          call.epilogue.residual_stride = g.inputs
          for index in 0..<count {
            let offset = index * g.inputPixels * g.inputs
            call.c = target + offset
            call.epilogue.residual = dx.residual.map {
              UnsafePointer($0.pointer + pixel * g.inputs + offset)
            }
            context.kernels.winograd_output(
              &call, 0, g.inputTiles, products + index * g.inputTiles * g.inputs)
          }
          dx.store(
            context, inputStrip, pixel, pixel + count * g.inputPixels, channels: g.inputs, sums)
        }
      }
    }
  }
}

extension WinogradGeometry {
  /// Tiles of the input, where it is the data gradient that is made.
  var inputTiles: Int { (height + 3) / 4 * ((width + 3) / 4) }

  fileprivate func forwardCall(tiles: Int) -> sk_winograd {
    sk_winograd(
      input: nil, height: height, width: width, channels: inputs, pad_top: padding.top,
      pad_left: padding.left, c: nil, c_stride: outputs, output_height: outputHeight,
      output_width: outputWidth, columns: outputs, epilogue: sk_epilogue(), tiles: tiles)
  }

  fileprivate func backwardCall(tiles: Int) -> sk_winograd {
    sk_winograd(
      input: nil, height: outputHeight, width: outputWidth, channels: outputs, pad_top: 2 - padding.top,
      pad_left: 2 - padding.left, c: nil, c_stride: inputs, output_height: height, output_width: width,
      columns: inputs, epilogue: sk_epilogue(), tiles: tiles)
  }
}

/// dw from the shards' dU.
final class WinogradReduceOp: TrainingOp {
  let resources: OpResources
  private let partial: TrainingBuffer, gradient: TrainingBuffer
  private let shards: Int

  init(_ label: String, partial: TrainingBuffer, gradient: TrainingBuffer, shards: Int) {
    (self.partial, self.gradient, self.shards) = (partial, gradient, shards)
    resources = OpResources(label, uses: [partial, gradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let count = gradient.count / 9
    let mine = Range.partition(count, of: worker, workers, unit: 16)
    context.training.winograd_weight_gradient(
      partial.pointer, shards, count, gradient.pointer, mine.lowerBound, mine.upperBound)
  }
}
