// SoftmaxStep.swift: probabilities of the last dimension.

import CKernels
import SwiftletGraph

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The softmax of each row, computed in Double; workers share the rows.
struct SoftmaxStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value

  var name: String { "softmax" }
  var reads: [Value] { [input] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(x: memory.floats(input), y: memory.floats(output), shape: memory.shape(input))
  }

  private final class Bound: BoundStep {
    private let x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let rows: Int, columns: Int

    init(x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, shape: Shape) {
      (self.x, self.y) = (x, y)
      columns = shape[-1]
      rows = shape.count / max(columns, 1)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      for row in Range.partition(rows, of: worker, workers) {
        let (x, y) = (x + row * columns, y + row * columns)
        var largest = -Float.infinity
        for i in 0..<columns { largest = max(largest, x[i]) }
        var sum = 0.0
        for i in 0..<columns { sum += exp(Double(x[i]) - Double(largest)) }
        for i in 0..<columns { y[i] = Float(exp(Double(x[i]) - Double(largest)) / sum) }
      }
    }
  }
}

extension SoftmaxStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is Softmax }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard lowering.isComputed(node.inputs[0]) else { return nil }
    return .step(Self(labels: [node.label], input: node.inputs[0], output: node.outputs[0]))
  }
}
