// DenseWork.swift: dense convolutions in training: strips of images or rows, as indirect products.

import CKernels
import SwiftletGraph

/// Keeps the tables of a work.
final class TapTables {
  let tables: [TapTable]

  init(_ tables: [TapTable]) { self.tables = tables }

  deinit { for table in tables { table.offsets.deallocate() } }
}

/// Some rows of some images of a view, densely: where they are stored, or computed.
@inline(__always)
private func rowStrip(
  _ view: TrainingView, _ context: WorkContext, images: Range<Int>, rows: Range<Int>, width: Int,
  _ scratch: UnsafeMutablePointer<Float>
) -> UnsafePointer<Float> {
  // Several images come whole: they are contiguous.
  let begin = images.lowerBound * view.pixels + rows.lowerBound * width
  return view.strip(context, begin, begin + images.count * rows.count * width, scratch)
}

/// y = convolution(view(x)), and Σ y, Σ y² where a norm follows.
final class DenseForwardWork: TrainingWork {
  private let geometry: DenseGeometry
  private let x: TrainingView
  private let packed: TrainingBuffer, zeros: TrainingBuffer, bias: TrainingBuffer?
  private let y: OutputStore
  private let chunks: Chunks
  private let tables: TapTables
  /// Of a strip's input.
  private let inputFloats: Int

  init(
    _ label: String, _ geometry: DenseGeometry, _ x: TrainingView, packed: TrainingBuffer,
    zeros: TrainingBuffer, bias: TrainingBuffer?, _ y: OutputStore, chunks: Chunks
  ) {
    (self.geometry, self.x, self.packed) = (geometry, x, packed)
    (self.zeros, self.bias, self.y, self.chunks) = (zeros, bias, y, chunks)
    tables = TapTables((0..<geometry.strips).map(geometry.forwardTable))
    let scratch = geometry.scratch
    inputFloats = scratch.input
    super.init(
      label, uses: x.buffers + [packed, zeros, bias] + y.buffers,
      scratch: ChunkMoments.floats(geometry.outputs) + scratch.input + scratch.output + 64)
  }

  override var multiplyAdds: Int { geometry.multiplyAdds }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let g = geometry
    let strip = context.scratch + ChunkMoments.floats(g.outputs)
    let result = strip + (inputFloats + 15) / 16 * 16
    let panels = (g.outputs + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    for chunk in chunks.share(of: part, parts) {
      var moments = ChunkMoments(y.statistics, chunk: chunk, channels: g.outputs, scratch: context.scratch)
      for images in chunks[chunk].pieces(of: g.group) {
        for index in 0..<g.strips {
          let rows = g.outputRows(index)
          let input = rowStrip(
            x, context, images: images, rows: g.inputRows(index), width: g.width, strip)
          let pixels = images.count * rows.count * g.outputWidth
          let pixel = images.lowerBound * g.outputPixels + rows.lowerBound * g.outputWidth
          var call = sk_conv()
          call.input = input
          call.offsets = UnsafePointer(tables.tables[index].offsets.baseAddress)
          call.regular = tables.tables[index].regular
          call.zeros = UnsafePointer(zeros.pointer)
          call.b = UnsafePointer(packed.pointer)
          call.c = y.target(pixel, result)
          call.c_stride = g.outputs
          (call.pixels, call.taps, call.depth, call.columns) = (pixels, g.taps, g.inputs, g.outputs)
          call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
          context.kernels.conv(&call, 0, pixels, 0, panels)
          y.store(context, result, pixel, count: pixels, &moments)
        }
      }
    }
  }
}

/// From view(dy): dw for each chunk, tap by tap, and dx: for each phase of input pixels an indirect product over dy.
final class DenseBackwardWork: TrainingWork {
  private let geometry: DenseGeometry
  private let x: TrainingView?, dy: TrainingView
  private let partial: TrainingBuffer?, zeros: TrainingBuffer
  private let packed: [TrainingBuffer], dx: GradientEpilogue?
  private let chunks: Chunks
  private let phases: [DenseGeometry.Phase]
  private let tables: TapTables
  private let sizes: (input: Int, gradient: Int, output: Int, owned: Int)

  /// - Parameters:
  ///   - partial: `[chunks, taps, I, O]`; `nil` where weights are frozen.
  ///   - packed: for each phase its taps' weights, transposed; empty where nobody needs dx.
  init(
    _ label: String, _ geometry: DenseGeometry, x: TrainingView?, dy: TrainingView, partial: TrainingBuffer?,
    zeros: TrainingBuffer, packed: [TrainingBuffer], dx: GradientEpilogue?, chunks: Chunks
  ) {
    (self.geometry, self.x, self.dy, self.partial) = (geometry, x, dy, partial)
    (self.zeros, self.packed, self.dx, self.chunks) = (zeros, packed, dx, chunks)
    let phases = geometry.phases
    self.phases = phases
    tables = TapTables(
      dx == nil
        ? [] : (0..<geometry.strips).flatMap { strip in phases.map { geometry.backwardTable(strip, $0) } })
    sizes = geometry.scratch
    let results = (geometry.stride > 1 ? 2 : 1) * sizes.owned
    super.init(
      label, uses: (x?.buffers ?? []) + dy.buffers + [partial, zeros] + packed + (dx?.buffers ?? []),
      scratch: ChunkSums.floats(geometry.inputs) + sizes.input + sizes.gradient + results + 128)
  }

  override var multiplyAdds: Int {
    ((partial == nil ? 0 : 1) + (dx == nil ? 0 : 1)) * geometry.multiplyAdds
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let g = geometry
    let gradientStrip = context.scratch + ChunkSums.floats(g.inputs)
    let inputStrip = gradientStrip + (sizes.gradient + 15) / 16 * 16
    let result = inputStrip + (sizes.input + 15) / 16 * 16
    for chunk in chunks.share(of: part, parts) {
      let sums = ChunkSums(dx?.totals, chunk: chunk, channels: g.inputs, strip: context.scratch)
      let weights = partial.map { $0.pointer + chunk * g.taps * g.inputs * g.outputs }
      // A tap that never meets a pixel leaves zeros.
      weights?.update(repeating: 0, count: g.taps * g.inputs * g.outputs)
      for images in chunks[chunk].pieces(of: g.group) {
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
    _ context: WorkContext, _ strip: Int, images: Int, _ input: UnsafePointer<Float>,
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
      var outer = sk_outer()
      outer.a =
        input + ((y0 * g.stride - top - inRows.lowerBound) * g.width + x0 * g.stride - left) * g.inputs
      outer.a_pixel = g.stride * g.inputs
      outer.a_run = g.stride * g.width * g.inputs
      outer.a_image = inRows.count * g.width * g.inputs
      outer.v = gradient + ((y0 - gradientRows.lowerBound) * g.outputWidth + x0) * g.outputs
      outer.v_pixel = g.outputs
      outer.v_run = g.outputWidth * g.outputs
      outer.v_image = gradientRows.count * g.outputWidth * g.outputs
      (outer.images, outer.runs, outer.length) = (images, y1 - y0, x1 - x0)
      (outer.rows, outer.columns) = (g.inputs, g.outputs)
      outer.w = weights + tap * g.inputs * g.outputs
      outer.w_stride = g.outputs
      outer.adds = 1
      context.training.outer(&outer, 0, g.outputs)
    }
  }

  private func dataGradient(
    _ context: WorkContext, _ strip: Int, images: Range<Int>, _ gradient: UnsafePointer<Float>,
    _ dx: GradientEpilogue, _ result: UnsafeMutablePointer<Float>, _ sums: ChunkSums
  ) {
    let g = geometry
    let own = g.ownedRows(strip)
    let first = images.lowerBound * g.inputPixels + own.lowerBound * g.width
    let count = images.count * own.count * g.width
    let panels = (g.inputs + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    let direct = dx.isDirect ? dx.destination.pointer + first * g.inputs : result
    for (index, phase) in phases.enumerated() {
      let (rows, columns) = g.phaseCounts(strip, phase)
      let pixels = images.count * rows * columns
      if pixels == 0 { continue }
      let table = tables.tables[strip * phases.count + index]
      let plane = g.stride == 1 ? direct : result + sizes.owned
      if phase.taps.isEmpty {
        plane.update(repeating: 0, count: pixels * g.inputs)
      } else {
        var call = sk_conv()
        call.input = gradient
        call.offsets = UnsafePointer(table.offsets.baseAddress)
        call.regular = table.regular
        call.zeros = UnsafePointer(zeros.pointer)
        call.b = UnsafePointer(packed[index].pointer)
        call.c = plane
        call.c_stride = g.inputs
        (call.pixels, call.taps, call.depth, call.columns) = (pixels, table.taps, g.outputs, g.inputs)
        if g.stride == 1, let residual = dx.residual {
          call.epilogue.residual = UnsafePointer(residual.pointer + first * g.inputs)
          call.epilogue.residual_stride = g.inputs
        }
        context.kernels.conv(&call, 0, pixels, 0, panels)
      }
      if g.stride == 1 { continue }
      // The phase's pixels go to their places between those of the others.
      var source = UnsafePointer(plane)
      for image in 0..<images.count {
        for row in own where row % g.stride == phase.row {
          var x = phase.column
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
  /// How many rows and columns of a strip's own input pixels are of a phase.
  fileprivate func phaseCounts(_ strip: Int, _ phase: Phase) -> (rows: Int, columns: Int) {
    func below(_ end: Int, _ remainder: Int) -> Int { max(0, (end - remainder + stride - 1) / stride) }
    let own = ownedRows(strip)
    return (below(own.upperBound, phase.row) - below(own.lowerBound, phase.row), below(width, phase.column))
  }
}
