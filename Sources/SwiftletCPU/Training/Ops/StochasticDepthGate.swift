// StochasticDepthGate.swift: stochastic depth: a random gate for each image.

import CKernels
import SwiftletGraph

/// Stochastic depth; its gradient has the same gate.
enum StochasticDepthGateLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard let operation = node.operation as? StochasticDepth else { return false }
    let x = node.inputs[0]
    let images = max(lowering.shape(x)[0], 1)
    let gate = lowering.buffer(images * TrainingLowering.channels(lowering.shape(x)))
    let step = try lowering.stored(node.inputs[1])
    lowering.append(StochasticDepthOp(node.label, operation, step: step, gate: gate, images: images))
    lowering.prologues[node.outputs[0]] = try lowering.gated(x, by: gate)
    return true
  }
}

/// The factors of ``StochasticDepth`` as a gate `[N, C]`.
final class StochasticDepthOp: TrainingOp {
  let resources: OpResources
  private let operation: StochasticDepth
  private let step: TrainingBuffer, gate: TrainingBuffer
  private let images: Int

  init(
    _ label: String, _ operation: StochasticDepth, step: TrainingBuffer, gate: TrainingBuffer, images: Int
  ) {
    (self.operation, self.step, self.gate, self.images) = (operation, step, gate, images)
    resources = OpResources(label, uses: [step, gate])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    var zeros = RandomZeros(rate: operation.rate, seed: operation.seed, step: Double(step.pointer[0]))
    let channels = gate.count / max(images, 1)
    for image in 0..<images {
      let factor = zeros.drops() ? 0 : Float(1 / (1 - operation.rate))
      (gate.pointer + image * channels).update(repeating: factor, count: channels)
    }
  }
}
