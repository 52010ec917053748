// PointwiseStep.swift: pointwise convolutions and linear layers: rows × depth times depth × columns.

import CKernels
import SwiftletGraph

/// A product of all pixels, or all rows, with one packed matrix.
struct PointwiseStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let rows: Int, depth: Int, columns: Int
  let weights: PackedMatrix
  let epilogue: Epilogue

  var name: String { "gemm" }
  var reads: [Value] { [input] + [epilogue.residual].compactMap { $0 } }
  var writes: [Value] { [output] }
  func allowsPaddedPixels(of value: Value) -> Bool { epilogue.residual != value }

  func bind(_ memory: StepMemory) -> any BoundStep {
    var call = call(memory)
    call.a = UnsafePointer(memory.floats(input))
    call.c = memory.floats(output)
    (call.a_stride, call.c_stride) = (memory.pixelStride(input), memory.pixelStride(output))
    return BoundPointwise(call)
  }

  /// The kernel's call on densely laid out pixels, without input and output: a fused block sets these strip by strip.
  func call(_ memory: StepMemory) -> sk_gemm {
    var call = sk_gemm(memory.plan.caches)
    call.b = memory.singles(weights)
    call.f16_b = memory.halves(weights)
    (call.a_stride, call.c_stride) = (depth, columns)
    (call.rows, call.depth, call.columns) = (rows, depth, columns)
    call.epilogue = memory.epilogue(epilogue, channels: columns)
    return call
  }
}

extension PointwiseStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool {
    switch operation {
    case let convolution as Convolution:
      convolution.window.kernel == 1 && convolution.window.stride == 1 && convolution.groups == 1
    default: operation is Linear
    }
  }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard let weight = lowering.layerWeight(node) else { return nil }
    let count = lowering.shape(node.outputs[0]).count
    let (depth, columns) = (weight.shape[-2], weight.shape[-1])
    let matrix = lowering.packProduct(weight, depth: depth, columns: columns)
    let (epilogue, output, labels) = lowering.epilogue(of: node)
    return .step(
      Self(
        labels: labels, input: node.inputs[0], output: output, rows: count / max(columns, 1),
        depth: depth, columns: columns, weights: matrix, epilogue: epilogue))
  }
}

/// A product with its pointers.
final class BoundPointwise: BoundStep {
  private let call: sk_gemm

  init(_ call: sk_gemm) { self.call = call }

  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
    var call = call
    let panels = call.columns.tiles(of: kernels.gemm_panel)
    // Rows are partitioned where there are enough of them, panels of weights where there are not.
    let byRows = call.rows >= 2 * workers * kernels.gemm_rows || panels < workers
    let rows =
      byRows ? Range.partition(call.rows, of: worker, workers, unit: kernels.gemm_rows) : 0..<call.rows
    let mine = byRows ? 0..<panels : Range.partition(panels, of: worker, workers)
    if rows.isEmpty || mine.isEmpty { return }
    kernels.gemm(&call, rows.lowerBound, rows.upperBound, mine.lowerBound, mine.upperBound)
  }
}
