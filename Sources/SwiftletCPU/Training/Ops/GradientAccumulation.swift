// GradientAccumulation.swift: sums of gradients over several batches, in place.

import SwiftletGraph

/// Gradients of several small batches as those of a large one.
enum GradientAccumulationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is Accumulate else { return false }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    let sum = lowering.changing(inputs[0], to: node.outputs[0], node.label)
    lowering.append(AccumulateOp(node.label, sum: sum, gradient: inputs[1], rates: inputs[2]))
    return true
  }
}

/// ``Accumulate`` where it is.
final class AccumulateOp: TrainingOp {
  let resources: OpResources
  private let sum: TrainingBuffer, gradient: TrainingBuffer, rates: TrainingBuffer

  init(_ label: String, sum: TrainingBuffer, gradient: TrainingBuffer, rates: TrainingBuffer) {
    (self.sum, self.gradient, self.rates) = (sum, gradient, rates)
    resources = OpResources(label, uses: [sum, gradient, rates])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let keeps: Float = rates.pointer[2] != 0 ? 1 : 0
    let (s, g) = (sum.pointer, gradient.pointer)
    let mine = Range.partition(sum.count, of: worker, workers, unit: 16)
    if keeps == 0 {
      for i in mine { s[i] = g[i] }
    } else {
      for i in mine { s[i] += g[i] }
    }
  }
}
