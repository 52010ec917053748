// WinogradWork.swift: dense 3 × 3 convolutions with stride 1 in training, all three products by Winograd's F(4 × 4, 3 × 3): a quarter of
// the multiplications. Lavin and Gray 2015, section 4.3; the weight gradient is that section's F transposed: with V = Bᵀ d B and
// M′ = A dy Aᵀ, dU = Σ over tiles of V ⊙ M′, and dw = Gᵀ dU G.

import CKernels
import SwiftletGraph

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
    // Enough tiles that weights are not read for each few of them, few enough that what is between stays in the cache.
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
    (kernels.gemm_packed_count(depth, columns) + 15) / 16 * 16
  }
}

/// Weights transformed and packed for such products: 36 matrices.
final class WinogradPackWork: TrainingWork {
  private let weight: TrainingBuffer, packed: TrainingBuffer
  private let depth: Int, columns: Int

  /// - Parameter weight: `[3, 3, depth, columns]`.
  init(_ label: String, _ weight: TrainingBuffer, packed: TrainingBuffer, depth: Int, columns: Int) {
    (self.weight, self.packed, self.depth, self.columns) = (weight, packed, depth, columns)
    super.init(label, uses: [weight, packed])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let panels = (columns + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    let mine = Range.share(panels, of: part, parts)
    context.training.winograd_pack(
      weight.pointer, depth, columns, packed.pointer, packed.count / 36, mine.lowerBound, mine.upperBound)
  }
}

/// Weights `[taps, I, O]` with taps turned around, as `[taps, O, I]`: what a data gradient is a convolution with.
final class TurnWeightsWork: TrainingWork {
  private let weight: TrainingBuffer, turned: TrainingBuffer
  private let taps: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ weight: TrainingBuffer, _ turned: TrainingBuffer, taps: Int, inputs: Int, outputs: Int
  ) {
    (self.weight, self.turned, self.taps) = (weight, turned, taps)
    (self.inputs, self.outputs) = (inputs, outputs)
    super.init(label, uses: [weight, turned])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    // Blocks that stay in the first-level cache on both sides.
    let block = 16
    let size = inputs * outputs
    for columns in Range.share(outputs, of: part, parts, unit: block).pieces(of: block) {
      for tap in 0..<taps {
        let (source, target) = (weight.pointer + (taps - 1 - tap) * size, turned.pointer + tap * size)
        for rows in (0..<inputs).pieces(of: block) {
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
  _ context: WorkContext, tiles: Int, depth: Int, columns: Int, _ transformed: UnsafeMutablePointer<Float>,
  _ packed: TrainingBuffer, _ products: UnsafeMutablePointer<Float>
) {
  var product = sk_gemm()
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

/// y = convolution(view(x)), and Σ y, Σ y² where a norm follows.
final class WinogradForwardWork: TrainingWork {
  private let geometry: WinogradGeometry
  private let x: TrainingView
  private let packed: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let chunks: Chunks

  init(
    _ label: String, _ geometry: WinogradGeometry, _ x: TrainingView, packed: TrainingBuffer,
    bias: TrainingBuffer?, _ y: OutputStore, chunks: Chunks
  ) {
    (self.geometry, self.x, self.packed) = (geometry, x, packed)
    (self.bias, self.y, self.chunks) = (bias, y, chunks)
    let g = geometry
    super.init(
      label, uses: x.buffers + [packed, bias] + y.buffers,
      scratch: ChunkMoments.floats(g.outputs) + g.group * (g.inputPixels * g.inputs + g.outputPixels * g.outputs)
        + 36 * g.group * g.tiles * (g.inputs + g.outputs) + 64)
  }

  override var multiplyAdds: Int { geometry.multiplyAdds }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let g = geometry
    let strip = context.scratch + ChunkMoments.floats(g.outputs)
    let result = strip + (g.group * g.inputPixels * g.inputs + 15) / 16 * 16
    let transformed = result + (g.group * g.outputPixels * g.outputs + 15) / 16 * 16
    let products = transformed + 36 * g.group * g.tiles * g.inputs
    for chunk in chunks.share(of: part, parts) {
      var moments = ChunkMoments(y.statistics, chunk: chunk, channels: g.outputs, scratch: context.scratch)
      for images in chunks[chunk].pieces(of: g.group) {
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
        y.store(context, result, pixel, count: count * g.outputPixels, &moments)
      }
    }
  }
}

/// From view(dy): dU for each chunk, and dx.
final class WinogradBackwardWork: TrainingWork {
  private let geometry: WinogradGeometry
  private let x: TrainingView?, dy: TrainingView
  private let partial: TrainingBuffer?
  private let packed: TrainingBuffer?, dx: GradientEpilogue?
  private let chunks: Chunks

  /// - Parameters:
  ///   - partial: `[chunks, 36, I, O]`; `nil` where weights are frozen.
  ///   - packed: the weights turned around; `nil` where nobody needs dx.
  init(
    _ label: String, _ geometry: WinogradGeometry, x: TrainingView?, dy: TrainingView,
    partial: TrainingBuffer?, packed: TrainingBuffer?, dx: GradientEpilogue?, chunks: Chunks
  ) {
    (self.geometry, self.x, self.dy, self.partial) = (geometry, x, dy, partial)
    (self.packed, self.dx, self.chunks) = (packed, dx, chunks)
    let g = geometry
    super.init(
      label, uses: (x?.buffers ?? []) + dy.buffers + [partial, packed] + (dx?.buffers ?? []),
      scratch: ChunkSums.floats(g.inputs) + g.group * (g.inputPixels * g.inputs + g.outputPixels * g.outputs)
        + 36 * g.group * max(g.tiles, g.inputTiles) * (g.inputs + g.outputs) + 64)
  }

  override var multiplyAdds: Int {
    ((partial == nil ? 0 : 1) + (dx == nil ? 0 : 1)) * geometry.multiplyAdds
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let g = geometry
    let gradientStrip = context.scratch + ChunkSums.floats(g.inputs)
    // The input's strip is no longer needed when the result's is made.
    let inputStrip = gradientStrip + (g.group * g.outputPixels * g.outputs + 15) / 16 * 16
    let first = inputStrip + (g.group * g.inputPixels * g.inputs + 15) / 16 * 16
    let most = g.group * max(g.tiles, g.inputTiles)
    for chunk in chunks.share(of: part, parts) {
      let sums = ChunkSums(dx?.totals, chunk: chunk, channels: g.inputs, strip: context.scratch)
      for images in chunks[chunk].pieces(of: g.group) {
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
          let sum = partial.pointer + chunk * 36 * g.inputs * g.outputs
          var outer = sk_outer()
          (outer.a_pixel, outer.v_pixel) = (g.inputs, g.outputs)
          (outer.images, outer.runs, outer.length) = (1, 1, count * g.tiles)
          (outer.rows, outer.columns) = (g.inputs, g.outputs)
          outer.w_stride = g.outputs
          outer.adds = image == chunks[chunk].lowerBound ? 0 : 1
          for position in 0..<36 {
            outer.a = UnsafePointer(values + position * count * g.tiles * g.inputs)
            outer.v = UnsafePointer(gradients + position * count * g.tiles * g.outputs)
            outer.w = sum + position * g.inputs * g.outputs
            context.training.outer(&outer, 0, g.outputs)
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

/// dw from the chunks' dU.
final class WinogradReduceWork: TrainingWork {
  private let partial: TrainingBuffer, gradient: TrainingBuffer
  private let chunks: Int

  init(_ label: String, partial: TrainingBuffer, gradient: TrainingBuffer, chunks: Int) {
    (self.partial, self.gradient, self.chunks) = (partial, gradient, chunks)
    super.init(label, uses: [partial, gradient])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let count = gradient.count / 9
    let mine = Range.share(count, of: part, parts, unit: 16)
    context.training.winograd_weight_gradient(
      partial.pointer, chunks, count, gradient.pointer, mine.lowerBound, mine.upperBound)
  }
}
