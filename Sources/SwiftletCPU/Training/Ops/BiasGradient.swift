// BiasGradient.swift: the gradient of a bias: a sum over all pixels.

import CKernels
import SwiftletGraph

/// Sums over all but the channels.
enum BiasGradientLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is SumToChannels else { return false }
    let statistics = lowering.batchStatistics(node.inputs[0])
    lowering.append(StatisticsOp(node.label, try lowering.prologue(node.inputs[0]), statistics))
    lowering.append(ChannelTotalOp(node.label, statistics, gradient: lowering.define(node.outputs[0])))
    return true
  }
}

/// Σ over rows of a prologue, from its statistics: the gradient of a bias.
final class ChannelTotalOp: TrainingOp {
  let resources: OpResources
  private let statistics: BatchStatistics, gradient: TrainingBuffer

  init(_ label: String, _ statistics: BatchStatistics, gradient: TrainingBuffer) {
    (self.statistics, self.gradient) = (statistics, gradient)
    resources = OpResources(label, uses: [statistics.buffer, gradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for c in Range.partition(gradient.count, of: worker, workers, unit: 16) {
      gradient.pointer[c] = Float(statistics.of(c, gradient.count).mean * Double(statistics.count))
    }
  }
}
