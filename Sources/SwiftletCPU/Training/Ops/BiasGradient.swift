// BiasGradient.swift: the gradient of a bias: a sum over all pixels.

import CKernels
import SwiftletGraph

/// Sums over all but the channels.
enum BiasGradientLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is SumToChannels else { return false }
    let moments = lowering.batchMoments(node.inputs[0])
    lowering.append(MomentsOp(node.label, try lowering.view(node.inputs[0]), moments))
    lowering.append(ChannelTotalOp(node.label, moments, gradient: lowering.define(node.outputs[0])))
    return true
  }
}

/// Σ over rows of a view, from its statistics: the gradient of a bias.
final class ChannelTotalOp: TrainingOp {
  let resources: OpResources
  private let moments: BatchMoments, gradient: TrainingBuffer

  init(_ label: String, _ moments: BatchMoments, gradient: TrainingBuffer) {
    (self.moments, self.gradient) = (moments, gradient)
    resources = OpResources(label, uses: [moments.statistics, gradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for c in Range.share(gradient.count, of: worker, workers, unit: 16) {
      gradient.pointer[c] = Float(moments.of(c, gradient.count).mean * Double(moments.count))
    }
  }
}
