// ActivationStep.swift: an activation by itself.

import CKernels
import SwiftletGraph

/// An activation that no layer before it can take.
struct ActivationStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let function: ActivationFunction

  var name: String { "activate" }
  var reads: [Value] { [input] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(
      x: memory.floats(input), y: memory.floats(output), count: memory.shape(output).count,
      activation: function.code)
  }

  private final class Bound: BoundStep {
    private let x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let count: Int, activation: sk_activation

    init(x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, count: Int, activation: sk_activation) {
      (self.x, self.y, self.count, self.activation) = (x, y, count, activation)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      let mine = Range.partition(count, of: worker, workers, unit: 64)
      kernels.activate(x + mine.lowerBound, y + mine.lowerBound, mine.count, activation)
    }
  }
}

extension ActivationStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is Activation }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard let operation = node.operation as? Activation, lowering.isComputed(node.inputs[0]) else {
      return nil
    }
    return .step(
      Self(
        labels: [node.label], input: node.inputs[0], output: node.outputs[0], function: operation.function))
  }
}
