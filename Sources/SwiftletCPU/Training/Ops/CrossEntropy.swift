// CrossEntropy.swift: the loss of classification and its gradient, in Double: logits are few.

import SwiftletGraph

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Cross-entropy of a softmax and its gradient.
enum CrossEntropyLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let (smoothing, weight): (Double, Double)
    switch node.operation {
    case let operation as SoftmaxCrossEntropy: (smoothing, weight) = (operation.smoothing, operation.weight)
    case let operation as SoftmaxCrossEntropyGradient:
      (smoothing, weight) = (operation.smoothing, operation.weight)
    default: return false
    }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    lowering.append(
      CrossEntropyOp(
        node.label, logits: inputs[0], targets: inputs[1], incoming: inputs.count > 2 ? inputs[2] : nil,
        lowering.define(node.outputs[0]), classes: lowering.shape(node.inputs[0])[1], smoothing: smoothing,
        weight: weight))
    return true
  }
}

/// ``SoftmaxCrossEntropy``, or its gradient where there is an incoming one.
final class CrossEntropyOp: TrainingOp {
  let resources: OpResources
  private let logits: TrainingBuffer, targets: TrainingBuffer, result: TrainingBuffer
  private let incoming: TrainingBuffer?
  private let classes: Int
  private let smoothing: Double, weight: Double

  init(
    _ label: String, logits: TrainingBuffer, targets: TrainingBuffer, incoming: TrainingBuffer?,
    _ result: TrainingBuffer, classes: Int, smoothing: Double, weight: Double
  ) {
    (self.logits, self.targets, self.incoming, self.result) = (logits, targets, incoming, result)
    (self.classes, self.smoothing, self.weight) = (classes, smoothing, weight)
    resources = OpResources(label, uses: [logits, targets, incoming, result])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    let rows = logits.count / classes
    let floor = smoothing / Double(classes)
    var loss = 0.0
    for row in 0..<rows {
      let z = logits.pointer + row * classes
      let target = targets.pointer + row * classes
      var largest = z[0]
      for c in 1..<max(classes, 1) where z[c] > largest { largest = z[c] }
      var sum = 0.0
      for c in 0..<classes { sum += exp(Double(z[c] - largest)) }
      let total = Double(largest) + log(sum)
      var mass = 0.0
      for c in 0..<classes {
        let q = (1 - smoothing) * Double(target[c]) + floor
        mass += q
        loss += q * (total - Double(z[c]))
      }
      guard let incoming else { continue }
      let factor = weight * Double(incoming.pointer[0]) / Double(rows)
      for c in 0..<classes {
        let q = (1 - smoothing) * Double(target[c]) + floor
        result.pointer[row * classes + c] = Float(factor * (mass * exp(Double(z[c]) - total) - q))
      }
    }
    if incoming == nil { result.pointer[0] = Float(weight * loss / Double(rows)) }
  }
}
