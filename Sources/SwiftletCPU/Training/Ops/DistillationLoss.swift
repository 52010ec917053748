// DistillationLoss.swift: the loss of distillation and its gradient, in Double: logits are few.

import SwiftletGraph

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Distillation from a teacher's logits and its gradient.
enum DistillationLossLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let (temperature, weight): (Double, Double)
    switch node.operation {
    case let operation as Distillation: (temperature, weight) = (operation.temperature, operation.weight)
    case let operation as DistillationGradient:
      (temperature, weight) = (operation.temperature, operation.weight)
    default: return false
    }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    lowering.append(
      DistillationOp(
        node.label, logits: inputs[0], teacher: inputs[1], incoming: inputs.count > 2 ? inputs[2] : nil,
        lowering.define(node.outputs[0]), classes: lowering.shape(node.inputs[0])[1],
        temperature: temperature, weight: weight))
    return true
  }
}

/// ``Distillation``, or its gradient where there is an incoming one (Hinton et al. 2015, arXiv 1503.02531, section 2.1).
final class DistillationOp: TrainingOp {
  let resources: OpResources
  private let logits: TrainingBuffer, teacher: TrainingBuffer, result: TrainingBuffer
  private let incoming: TrainingBuffer?
  private let classes: Int
  private let temperature: Double, weight: Double

  init(
    _ label: String, logits: TrainingBuffer, teacher: TrainingBuffer, incoming: TrainingBuffer?,
    _ result: TrainingBuffer, classes: Int, temperature: Double, weight: Double
  ) {
    (self.logits, self.teacher, self.incoming, self.result) = (logits, teacher, incoming, result)
    (self.classes, self.temperature, self.weight) = (classes, temperature, weight)
    resources = OpResources(label, uses: [logits, teacher, incoming, result])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    let rows = logits.count / classes
    var loss = 0.0
    for row in 0..<rows {
      let (z, t) = (logits.pointer + row * classes, teacher.pointer + row * classes)
      let (student, wanted) = (logOfSum(z), logOfSum(t))
      if let incoming {
        let factor = weight * temperature * Double(incoming.pointer[0]) / Double(rows)
        let target = result.pointer + row * classes
        for c in 0..<classes {
          let (p, q) = (exp(Double(z[c]) / temperature - student), exp(Double(t[c]) / temperature - wanted))
          target[c] = Float(factor * (p - q))
        }
      } else {
        for c in 0..<classes {
          let logProbability = Double(t[c]) / temperature - wanted
          loss += exp(logProbability) * (logProbability - (Double(z[c]) / temperature - student))
        }
      }
    }
    if incoming == nil {
      result.pointer[0] = Float(weight * temperature * temperature * loss / Double(max(rows, 1)))
    }
  }

  /// log Σ exp(z / T), with the largest taken out.
  private func logOfSum(_ z: UnsafePointer<Float>) -> Double {
    var largest = z[0]
    for c in 1..<max(classes, 1) where z[c] > largest { largest = z[c] }
    var sum = 0.0
    for c in 0..<classes { sum += exp(Double(z[c] - largest) / temperature) }
    return Double(largest) / temperature + log(sum)
  }
}
