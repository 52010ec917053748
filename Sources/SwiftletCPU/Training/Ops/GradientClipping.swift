// GradientClipping.swift: the norm of all gradients, and the scale that clips them to a largest norm.

import SwiftletGraph

/// The factor that clips gradients by their norm.
enum GradientClippingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard let operation = node.operation as? GradientScale else { return false }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    let totals = lowering.buffer(2 * inputs.count)
    lowering.append(SquaresOp(node.label, inputs, totals: totals))
    lowering.append(
      GradientScaleOp(
        node.label, totals: totals, count: inputs.count, scale: lowering.define(node.outputs[0]),
        norm: lowering.define(node.outputs[1]), maximum: operation.maximum))
    return true
  }
}

/// The sum of squares of each gradient: one number for each gradient, so that it does not depend on threads.
final class SquaresOp: TrainingOp {
  let resources: OpResources
  private let gradients: [TrainingBuffer]
  private let totals: TrainingBuffer

  /// - Parameter totals: a double for each gradient.
  init(_ label: String, _ gradients: [TrainingBuffer], totals: TrainingBuffer) {
    (self.gradients, self.totals) = (gradients, totals)
    resources = OpResources(label, uses: gradients + [totals])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    var index = worker
    while index < gradients.count {
      let (g, count) = (gradients[index].pointer, gradients[index].count)
      var sums = SIMD8<Double>()
      var i = 0
      while i + 8 <= count {
        let x = SIMD8<Double>(UnsafeRawPointer(g + i).loadUnaligned(as: SIMD8<Float>.self))
        sums += x * x
        i += 8
      }
      var sum = sums.sum()
      while i < count {
        sum += Double(g[i]) * Double(g[i])
        i += 1
      }
      totals.doubles[index] = sum
      index += workers
    }
  }
}

/// ``GradientScale`` from the sums of squares.
final class GradientScaleOp: TrainingOp {
  let resources: OpResources
  private let totals: TrainingBuffer, scale: TrainingBuffer, norm: TrainingBuffer
  private let count: Int, maximum: Double?

  init(
    _ label: String, totals: TrainingBuffer, count: Int, scale: TrainingBuffer, norm: TrainingBuffer,
    maximum: Double?
  ) {
    (self.totals, self.count, self.scale, self.norm) = (totals, count, scale, norm)
    self.maximum = maximum
    resources = OpResources(label, uses: [totals, scale, norm])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    var sum = 0.0
    for index in 0..<count { sum += totals.doubles[index] }
    let length = sum.squareRoot()
    norm.pointer[0] = Float(length)
    scale.pointer[0] = maximum.map { length > $0 ? Float($0 / length) : 1 } ?? 1
  }
}
