// LinearLayer.swift: linear layers on `[N, C]` in training, and their gradients.

import CKernels
import SwiftletGraph

/// Linear layers and both of their gradients.
enum LinearLayerLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let (first, second) = (node.inputs.first, node.inputs.dropFirst().first)
    guard let first, let second else { return false }
    let (a, b) = (lowering.shape(first), lowering.shape(second))
    switch node.operation {
    case is Linear:
      let (x, weight, bias) = (
        try lowering.stored(first), try lowering.stored(second), try lowering.bias(node)
      )
      let packed = lowering.packed(
        node.label, weight, taps: [0], inputs: b[0], outputs: b[1], isTransposed: false)
      lowering.append(
        LinearForwardOp(
          node.label, x, packed: packed, y: lowering.define(node.outputs[0]), bias: bias, rows: a[0],
          inputs: b[0], outputs: b[1]))
    case is LinearInputGradient:
      let (dy, weight) = (try lowering.stored(first), try lowering.stored(second))
      let packed = lowering.packed(
        node.label, weight, taps: [0], inputs: b[0], outputs: b[1], isTransposed: true)
      lowering.append(
        LinearForwardOp(
          node.label, dy, packed: packed, y: lowering.define(node.outputs[0]), bias: nil, rows: a[0],
          inputs: b[1], outputs: b[0]))
    case is LinearWeightGradient:
      let (x, dy) = (try lowering.stored(first), try lowering.stored(second))
      lowering.append(
        LinearWeightGradientOp(
          node.label, x, dy, lowering.define(node.outputs[0]), rows: a[0], inputs: a[1], outputs: b[1]))
    default: return false
    }
    return true
  }
}

/// y = x · w + b.
final class LinearForwardOp: TrainingOp {
  let resources: OpResources
  private let x: TrainingBuffer, packed: TrainingBuffer, y: TrainingBuffer
  private let bias: TrainingBuffer?
  private let rows: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ x: TrainingBuffer, packed: TrainingBuffer, y: TrainingBuffer, bias: TrainingBuffer?,
    rows: Int, inputs: Int, outputs: Int
  ) {
    (self.x, self.packed, self.y, self.bias) = (x, packed, y, bias)
    (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
    resources = OpResources(label, uses: [x, packed, y, bias])
  }

  var multiplyAdds: Int { rows * inputs * outputs }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    var call = sk_gemm(.current)
    call.a = UnsafePointer(x.pointer)
    call.a_stride = inputs
    call.b = UnsafePointer(packed.pointer)
    call.c = y.pointer
    call.c_stride = outputs
    (call.rows, call.depth, call.columns) = (rows, inputs, outputs)
    call.epilogue.bias = bias.map { UnsafePointer($0.pointer) }
    let mine = Range.partition(context.panels(outputs), of: worker, workers)
    if !mine.isEmpty { context.kernels.gemm(&call, 0, rows, mine.lowerBound, mine.upperBound) }
  }
}

/// dw = xᵀ · dy; each column is one sum over all rows, on one thread.
final class LinearWeightGradientOp: TrainingOp {
  let resources: OpResources
  private let x: TrainingBuffer, dy: TrainingBuffer, dw: TrainingBuffer
  private let rows: Int, inputs: Int, outputs: Int

  init(
    _ label: String, _ x: TrainingBuffer, _ dy: TrainingBuffer, _ dw: TrainingBuffer, rows: Int, inputs: Int,
    outputs: Int
  ) {
    (self.x, self.dy, self.dw) = (x, dy, dw)
    (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
    resources = OpResources(label, uses: [x, dy, dw])
  }

  var multiplyAdds: Int { rows * inputs * outputs }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    var product = sk_weight_gradient()
    (product.a, product.v) = (UnsafePointer(x.pointer), UnsafePointer(dy.pointer))
    (product.a_pixel, product.v_pixel) = (inputs, outputs)
    (product.images, product.runs, product.length) = (1, 1, rows)
    (product.rows, product.columns) = (inputs, outputs)
    product.w = dw.pointer
    product.w_stride = outputs
    let mine = Range.partition(outputs, of: worker, workers, unit: 48)
    if !mine.isEmpty { context.training.weight_gradient(&product, mine.lowerBound, mine.upperBound) }
  }
}
