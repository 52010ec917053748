// SigmoidLoss.swift: the loss of multi-label classification and its gradient, in Double: logits are few.

import SwiftletGraph

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Cross-entropy of a sigmoid for each class, and its gradient.
enum SigmoidLossLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let (smoothing, weight): (Double, Double)
    switch node.operation {
    case let operation as SigmoidCrossEntropy: (smoothing, weight) = (operation.smoothing, operation.weight)
    case let operation as SigmoidCrossEntropyGradient:
      (smoothing, weight) = (operation.smoothing, operation.weight)
    default: return false
    }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    lowering.append(
      SigmoidLossOp(
        node.label, logits: inputs[0], targets: inputs[1], incoming: inputs.count > 2 ? inputs[2] : nil,
        lowering.define(node.outputs[0]), smoothing: smoothing, weight: weight))
    return true
  }
}

/// ``SigmoidCrossEntropy``, or its gradient where there is an incoming one.
final class SigmoidLossOp: TrainingOp {
  let resources: OpResources
  private let logits: TrainingBuffer, targets: TrainingBuffer, result: TrainingBuffer
  private let incoming: TrainingBuffer?
  private let smoothing: Double, weight: Double

  init(
    _ label: String, logits: TrainingBuffer, targets: TrainingBuffer, incoming: TrainingBuffer?,
    _ result: TrainingBuffer, smoothing: Double, weight: Double
  ) {
    (self.logits, self.targets, self.incoming, self.result) = (logits, targets, incoming, result)
    (self.smoothing, self.weight) = (smoothing, weight)
    resources = OpResources(label, uses: [logits, targets, incoming, result])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    let count = logits.count
    let factor = incoming.map { weight * Double($0.pointer[0]) / Double(count) } ?? 0
    var loss = 0.0
    for i in 0..<count {
      let z = Double(logits.pointer[i])
      let target = (1 - smoothing) * Double(targets.pointer[i]) + smoothing / 2
      if incoming == nil {
        loss += max(z, 0) - z * target + log(1 + exp(-abs(z)))
      } else {
        result.pointer[i] = Float(factor * (1 / (1 + exp(-z)) - target))
      }
    }
    if incoming == nil { result.pointer[0] = Float(weight * loss / Double(count)) }
  }
}
