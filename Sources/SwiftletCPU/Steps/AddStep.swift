// AddStep.swift: a sum by itself.

import CKernels
import SwiftletGraph

/// A sum that no layer before it can take, with the activation that alone reads it.
struct AddStep: PlanStep {
  let labels: [String]
  let a: Value, b: Value, output: Value
  let activation: ActivationFunction?

  var name: String { "add" }
  var reads: [Value] { [a, b] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(
      a: memory.floats(a), b: memory.floats(b), y: memory.floats(output), count: memory.shape(output).count,
      activation: activation?.code ?? SK_NONE)
  }

  private final class Bound: BoundStep {
    private let a: UnsafePointer<Float>, b: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let count: Int, activation: sk_activation

    init(
      a: UnsafePointer<Float>, b: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, count: Int,
      activation: sk_activation
    ) {
      (self.a, self.b, self.y, self.count, self.activation) = (a, b, y, count, activation)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      let mine = Range.partition(count, of: worker, workers, unit: 64)
      kernels.add(a + mine.lowerBound, b + mine.lowerBound, y + mine.lowerBound, mine.count, activation)
    }
  }
}

extension AddStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is Add }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard node.inputs.allSatisfy(lowering.isComputed) else { return nil }
    var (labels, output) = ([node.label], node.outputs[0])
    let activation = lowering.takeActivation(&output, &labels)
    return .step(
      Self(labels: labels, a: node.inputs[0], b: node.inputs[1], output: output, activation: activation))
  }
}
