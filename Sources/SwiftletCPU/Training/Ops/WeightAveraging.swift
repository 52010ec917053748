// WeightAveraging.swift: averages of weights over steps, in place.

import SwiftletGraph

/// Exponential averages.
enum WeightAveragingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is MovingAverage else { return false }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    let average = lowering.changing(inputs[0], to: node.outputs[0], node.label)
    lowering.append(MovingAverageOp(node.label, average: average, value: inputs[1], rates: inputs[2]))
    return true
  }
}

/// ``MovingAverage`` where it is.
final class MovingAverageOp: TrainingOp {
  let resources: OpResources
  private let average: TrainingBuffer, value: TrainingBuffer, rates: TrainingBuffer

  init(_ label: String, average: TrainingBuffer, value: TrainingBuffer, rates: TrainingBuffer) {
    (self.average, self.value, self.rates) = (average, value, rates)
    resources = OpResources(label, uses: [average, value, rates])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard rates.pointer[1] != 0 else { return }
    let decay = rates.pointer[3]
    let (a, v) = (average.pointer, value.pointer)
    for i in Range.partition(average.count, of: worker, workers, unit: 16) {
      a[i] = v[i] + decay * (a[i] - v[i])
    }
  }
}
