// VectorWork.swift: linear layers on `[N, C]` in training.

import CKernels
import SwiftletGraph

/// y = x · w + b.
final class LinearForwardWork: TrainingWork {
  private let x: TrainingBuffer, packed: TrainingBuffer, y: TrainingBuffer
  private let bias: TrainingBuffer?
  private let rows: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ x: TrainingBuffer, packed: TrainingBuffer, y: TrainingBuffer, bias: TrainingBuffer?,
    rows: Int, inputs: Int, outputs: Int
  ) {
    (self.x, self.packed, self.y, self.bias) = (x, packed, y, bias)
    (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
    super.init(label, uses: [x, packed, y, bias])
  }

  override var multiplyAdds: Int { rows * inputs * outputs }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    var call = sk_gemm()
    call.a = UnsafePointer(x.pointer)
    call.a_stride = inputs
    call.b = UnsafePointer(packed.pointer)
    call.c = y.pointer
    call.c_stride = outputs
    (call.rows, call.depth, call.columns) = (rows, inputs, outputs)
    call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
    let panels = (outputs + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    let mine = Range.share(panels, of: part, parts)
    if !mine.isEmpty { context.kernels.gemm(&call, 0, rows, mine.lowerBound, mine.upperBound) }
  }
}

/// dw = xᵀ · dy; each column is one sum over all rows, on one thread.
final class LinearWeightGradientWork: TrainingWork {
  private let x: TrainingBuffer, dy: TrainingBuffer, dw: TrainingBuffer
  private let rows: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ x: TrainingBuffer, _ dy: TrainingBuffer, _ dw: TrainingBuffer, rows: Int, inputs: Int,
    outputs: Int
  ) {
    (self.x, self.dy, self.dw) = (x, dy, dw)
    (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
    super.init(label, uses: [x, dy, dw])
  }

  override var multiplyAdds: Int { rows * inputs * outputs }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    var outer = sk_outer()
    (outer.a, outer.v) = (UnsafePointer(x.pointer), UnsafePointer(dy.pointer))
    (outer.a_pixel, outer.v_pixel) = (inputs, outputs)
    (outer.images, outer.runs, outer.length) = (1, 1, rows)
    (outer.rows, outer.columns) = (inputs, outputs)
    outer.w = dw.pointer
    outer.w_stride = outputs
    let mine = Range.share(outputs, of: part, parts, unit: 48)
    if !mine.isEmpty { context.training.outer(&outer, mine.lowerBound, mine.upperBound) }
  }
}

/// Σ over rows of a view, from its statistics: the gradient of a bias.
final class ChannelTotalWork: TrainingWork {
  private let moments: BatchMoments, gradient: TrainingBuffer

  init(_ label: String, _ moments: BatchMoments, gradient: TrainingBuffer) {
    (self.moments, self.gradient) = (moments, gradient)
    super.init(label, uses: [moments.statistics, gradient])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    for c in Range.share(gradient.count, of: part, parts, unit: 16) {
      gradient.pointer[c] = Float(moments.of(c, gradient.count).mean * Double(moments.count))
    }
  }
}
