// DenseConvolution.swift: dense convolutions in training: strips of images or rows, as indirect products.

import CKernels
import SwiftletGraph

/// Dense convolutions with any window.
enum DenseConvolutionLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    if let operation = node.operation as? Convolution {
      guard operation.groups == 1 else { return false }
      let (input, output) = (lowering.shape(node.inputs[0]), lowering.shape(node.outputs[0]))
      let (x, weight, bias) = (
        try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]), try lowering.bias(node)
      )
      let geometry = DenseGeometry(operation.window, input: input, output: output)
      let packed = lowering.packed(
        node.label, weight, taps: Array(0..<geometry.taps), inputs: input[3], outputs: output[3],
        isTransposed: false)
      lowering.append(
        DenseForwardOp(
          node.label, geometry, x, packed: packed, zeros: lowering.zeros, bias: bias,
          lowering.outputStore(node.outputs[0]), shards: Shards(images: output[0])))
      return true
    }
    guard let layer = LayerGradients(node, at: index, in: lowering), !layer.isDepthwise, layer.groups == 1
    else { return false }
    let geometry = DenseGeometry(layer.window, input: layer.input, output: layer.output)
    let operands = try lowering.operands(layer, partialCount: geometry.weights)
    var packed: [TrainingBuffer] = []
    if let weight = operands.weight {
      packed = geometry.parities.map {
        lowering.packed(
          node.label, weight, taps: $0.taps, inputs: geometry.inputs, outputs: geometry.outputs,
          isTransposed: true)
      }
    }
    lowering.append(
      DenseBackwardOp(node.label, geometry, operands, zeros: lowering.zeros, packed: packed))
    if let partial = operands.partial, let (label, gradient) = lowering.weightGradient(layer) {
      lowering.append(
        ReduceOp(
          label, partial: partial, gradient: gradient, shards: operands.shards.count, transposedRows: nil))
    }
    return true
  }
}

/// Keeps the tables of an op.
final class TapTables {
  let tables: [TapTable]

  init(_ tables: [TapTable]) { self.tables = tables }

  deinit { for table in tables { table.offsets.deallocate() } }
}

/// The address of some rows of some images of a prologue, densely: stored, or computed.
@inline(__always)
private func rowStrip(
  _ prologue: Prologue, _ context: WorkerContext, images: Range<Int>, rows: Range<Int>, width: Int,
  _ scratch: UnsafeMutablePointer<Float>
) -> UnsafePointer<Float> {
  // Several images come whole: they are contiguous.
  let begin = images.lowerBound * prologue.pixels + rows.lowerBound * width
  return prologue.strip(context, begin, begin + images.count * rows.count * width, scratch)
}

/// y = convolution(prologue(x)), and Σ y, Σ y² where a norm follows.
final class DenseForwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: DenseGeometry
  private let x: Prologue
  private let packed: TrainingBuffer, zeros: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let shards: Shards
  private let tables: TapTables
  /// Of a strip's input.
  private let inputFloats: Int

  init(
    _ label: String, _ geometry: DenseGeometry, _ x: Prologue, packed: TrainingBuffer,
    zeros: TrainingBuffer, bias: TrainingBuffer?, _ y: OutputStore, shards: Shards
  ) {
    (self.geometry, self.x, self.packed) = (geometry, x, packed)
    (self.zeros, self.bias, self.y, self.shards) = (zeros, bias, y, shards)
    tables = TapTables((0..<geometry.strips).map(geometry.forwardTable))
    let scratch = geometry.scratch
    inputFloats = scratch.input
    resources = OpResources(
      label, uses: x.buffers + [packed, zeros, bias] + y.buffers,
      scratch: ShardStatistics.floats(geometry.outputs) + scratch.input + scratch.output + 64)
  }

  var multiplyAdds: Int { geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let strip = context.scratch + ShardStatistics.floats(g.outputs)
    let result = strip + wholeLines(inputFloats)
    let (panels, packedStride) = (context.panels(g.blockOutputs), packed.count / g.blocks)
    for shard in shards.partition(of: worker, workers) {
      var statistics = ShardStatistics(
        y.statistics, shard: shard, channels: g.outputs, scratch: context.scratch)
      for images in shards[shard].tiles(of: g.group) {
        for index in 0..<g.strips {
          let rows = g.outputRows(index)
          let input = rowStrip(
            x, context, images: images, rows: g.inputRows(index), width: g.width, strip)
          let pixels = images.count * rows.count * g.outputWidth
          let pixel = images.lowerBound * g.outputPixels + rows.lowerBound * g.outputWidth
          var call = sk_conv(.current)
          call.offsets = UnsafePointer(tables.tables[index].offsets.baseAddress)
          call.interior = tables.tables[index].interior
          call.zeros = UnsafePointer(zeros.pointer)
          call.c_stride = g.outputs
          (call.pixels, call.taps) = (pixels, g.taps)
          (call.depth, call.columns) = (g.blockInputs, g.blockOutputs)
          let target = y.target(pixel, result)
          for block in 0..<g.blocks {
            call.input = input + block * g.blockInputs
            call.b = UnsafePointer(packed.pointer + block * packedStride)
            call.c = target + block * g.blockOutputs
            call.epilogue.bias = bias.map { UnsafePointer($0.pointer + block * g.blockOutputs) }
            context.kernels.conv(&call, 0, pixels, 0, panels)
          }
          y.store(context, result, pixel, count: pixels, &statistics)
        }
      }
    }
  }
}

/// From prologue(dy): dw for each shard, tap by tap, and dx: for each parity class of input pixels an indirect product over dy.
final class DenseBackwardOp: TrainingOp {
  let resources: OpResources
  private let geometry: DenseGeometry
  private let operands: LayerGradientOperands
  private let zeros: TrainingBuffer, packed: [TrainingBuffer]
  private let parities: [DenseGeometry.Parity]
  private let tables: TapTables
  private let sizes: (input: Int, gradient: Int, output: Int, owned: Int)

  /// - Parameters:
  ///   - operands: with partial gradients `[shards, blocks, taps, I, O]` of blocks.
  ///   - packed: for each parity class its taps' weights, transposed, block by block; empty where no data gradient is needed.
  init(
    _ label: String, _ geometry: DenseGeometry, _ operands: LayerGradientOperands, zeros: TrainingBuffer,
    packed: [TrainingBuffer]
  ) {
    (self.geometry, self.operands, self.zeros, self.packed) = (geometry, operands, zeros, packed)
    let parities = geometry.parities
    self.parities = parities
    tables = TapTables(
      operands.dx == nil
        ? [] : (0..<geometry.strips).flatMap { strip in parities.map { geometry.backwardTable(strip, $0) } })
    sizes = geometry.scratch
    let results = (geometry.stride > 1 ? 2 : 1) * sizes.owned
    resources = OpResources(
      label, uses: operands.buffers + [zeros] + packed,
      scratch: ShardSums.floats(geometry.inputs) + sizes.input + sizes.gradient + results + 128)
  }

  var multiplyAdds: Int { operands.count * geometry.multiplyAdds }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let g = geometry
    let (x, dy, partial, dx) = (operands.x, operands.dy, operands.partial, operands.dx)
    let shards = operands.shards
    let gradientStrip = context.scratch + ShardSums.floats(g.inputs)
    let inputStrip = gradientStrip + wholeLines(sizes.gradient)
    let result = inputStrip + wholeLines(sizes.input)
    for shard in shards.partition(of: worker, workers) {
      let sums = ShardSums(dx?.sums?.totals, shard: shard, channels: g.inputs, strip: context.scratch)
      let weights = partial.map { $0.pointer + shard * g.weights }
      // A tap that never reads a pixel leaves zeros.
      weights?.update(repeating: 0, count: g.weights)
      for images in shards[shard].tiles(of: g.group) {
        for strip in 0..<g.strips {
          let rows = g.gradientRows(strip)
          let gradient = rowStrip(
            dy, context, images: images, rows: rows, width: g.outputWidth, gradientStrip)
          if let x, let weights {
            let input = rowStrip(
              x, context, images: images, rows: g.inputRows(strip), width: g.width, inputStrip)
            weightGradient(context, strip, images: images.count, input, gradient, weights)
          }
          if let dx {
            dataGradient(context, strip, images: images, gradient, dx, result, sums)
          }
        }
      }
    }
  }

  private func weightGradient(
    _ context: WorkerContext, _ strip: Int, images: Int, _ input: UnsafePointer<Float>,
    _ gradient: UnsafePointer<Float>, _ weights: UnsafeMutablePointer<Float>
  ) {
    let g = geometry
    let (outRows, inRows, gradientRows) = (g.outputRows(strip), g.inputRows(strip), g.gradientRows(strip))
    for tap in 0..<g.taps {
      let (ky, kx) = (tap / g.kernel, tap % g.kernel)
      let (top, left) = (g.window.padding.top - ky, g.window.padding.left - kx)
      // Outputs whose tap is inside: 0 ≤ o · stride − top < size.
      let y0 = max(outRows.lowerBound, top > 0 ? (top + g.stride - 1) / g.stride : 0)
      let y1 = min(outRows.upperBound, g.height + top <= 0 ? 0 : (g.height - 1 + top) / g.stride + 1)
      let x0 = max(0, left > 0 ? (left + g.stride - 1) / g.stride : 0)
      let x1 = min(g.outputWidth, g.width + left <= 0 ? 0 : (g.width - 1 + left) / g.stride + 1)
      if y0 >= y1 || x0 >= x1 { continue }
      var product = sk_weight_gradient()
      let a = input + ((y0 * g.stride - top - inRows.lowerBound) * g.width + x0 * g.stride - left) * g.inputs
      let v = gradient + ((y0 - gradientRows.lowerBound) * g.outputWidth + x0) * g.outputs
      product.a_pixel = g.stride * g.inputs
      product.a_run = g.stride * g.width * g.inputs
      product.a_image = inRows.count * g.width * g.inputs
      product.v_pixel = g.outputs
      product.v_run = g.outputWidth * g.outputs
      product.v_image = gradientRows.count * g.outputWidth * g.outputs
      (product.images, product.runs, product.length) = (images, y1 - y0, x1 - x0)
      (product.rows, product.columns) = (g.blockInputs, g.blockOutputs)
      product.w_stride = g.blockOutputs
      product.adds = 1
      for block in 0..<g.blocks {
        product.a = a + block * g.blockInputs
        product.v = v + block * g.blockOutputs
        product.w = weights + (block * g.taps + tap) * g.blockInputs * g.blockOutputs
        context.training.weight_gradient(&product, 0, g.blockOutputs)
      }
    }
  }

  private func dataGradient(
    _ context: WorkerContext, _ strip: Int, images: Range<Int>, _ gradient: UnsafePointer<Float>,
    _ dx: GradientEpilogue, _ result: UnsafeMutablePointer<Float>, _ sums: ShardSums
  ) {
    let g = geometry
    let own = g.ownedRows(strip)
    let first = images.lowerBound * g.inputPixels + own.lowerBound * g.width
    let count = images.count * own.count * g.width
    let panels = context.panels(g.blockInputs)
    let direct = dx.isDirect ? dx.destination.pointer + first * g.inputs : result
    for (index, parity) in parities.enumerated() {
      let (rows, columns) = g.parityCounts(strip, parity)
      let pixels = images.count * rows * columns
      if pixels == 0 { continue }
      let table = tables.tables[strip * parities.count + index]
      let plane = g.stride == 1 ? direct : result + sizes.owned
      if parity.taps.isEmpty {
        plane.update(repeating: 0, count: pixels * g.inputs)
      } else {
        var call = sk_conv(.current)
        call.offsets = UnsafePointer(table.offsets.baseAddress)
        call.interior = table.interior
        call.zeros = UnsafePointer(zeros.pointer)
        call.c_stride = g.inputs
        (call.pixels, call.taps) = (pixels, table.taps)
        (call.depth, call.columns) = (g.blockOutputs, g.blockInputs)
        let residual = g.stride == 1 ? dx.residual.map { UnsafePointer($0.pointer + first * g.inputs) } : nil
        call.epilogue.residual_stride = g.inputs
        for block in 0..<g.blocks {
          call.input = gradient + block * g.blockOutputs
          call.b = UnsafePointer(packed[index].pointer + block * (packed[index].count / g.blocks))
          call.c = plane + block * g.blockInputs
          call.epilogue.residual = residual.map { $0 + block * g.blockInputs }
          context.kernels.conv(&call, 0, pixels, 0, panels)
        }
      }
      if g.stride == 1 { continue }
      // The class's pixels go between those of the others.
      var source = UnsafePointer(plane)
      for image in 0..<images.count {
        for row in own where row % g.stride == parity.row {
          var x = parity.column
          while x < g.width {
            (direct + ((image * own.count + row - own.lowerBound) * g.width + x) * g.inputs).update(
              from: source, count: g.inputs)
            source += g.inputs
            x += g.stride
          }
        }
      }
    }
    if g.stride > 1, let residual = dx.residual {
      context.kernels.add(
        direct, residual.pointer + first * g.inputs, direct, count * g.inputs, SK_NONE)
    }
    dx.store(context, result, first, first + count, channels: g.inputs, sums)
  }
}

extension DenseGeometry {
  /// The numbers of rows and columns of a strip's own input pixels in a parity class.
  fileprivate func parityCounts(_ strip: Int, _ parity: Parity) -> (rows: Int, columns: Int) {
    func below(_ end: Int, _ remainder: Int) -> Int { max(0, (end - remainder + stride - 1) / stride) }
    let own = ownedRows(strip)
    return (
      below(own.upperBound, parity.row) - below(own.lowerBound, parity.row), below(width, parity.column)
    )
  }
}
