// DropoutMask.swift: dropout: random zeros, a function of seed and step.

import CKernels
import SwiftletGraph

/// Dropout; its gradient is dropout with the same zeros.
enum DropoutMaskLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard let operation = node.operation as? Dropout else { return false }
    let (x, step) = (try lowering.stored(node.inputs[0]), try lowering.stored(node.inputs[1]))
    lowering.append(DropoutOp(node.label, operation, x, step: step, lowering.define(node.outputs[0])))
    return true
  }
}

/// x with random zeros, as ``Dropout`` draws them.
final class DropoutOp: TrainingOp {
  let resources: OpResources
  private let operation: Dropout
  private let x: TrainingBuffer, step: TrainingBuffer, y: TrainingBuffer

  init(
    _ label: String, _ operation: Dropout, _ x: TrainingBuffer, step: TrainingBuffer, _ y: TrainingBuffer
  ) {
    (self.operation, self.x, self.step, self.y) = (operation, x, step, y)
    resources = OpResources(label, uses: [x, step, y])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    var zeros = RandomZeros(rate: operation.rate, seed: operation.seed, step: Double(step.pointer[0]))
    let factor = 1 / (1 - operation.rate)
    for i in 0..<x.count { y.pointer[i] = zeros.drops() ? 0 : Float(Double(x.pointer[i]) * factor) }
  }
}
