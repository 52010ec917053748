// PoolStep.swift: max and average pools.

import CKernels
import SwiftletGraph

/// A max or average pool of each image.
struct PoolStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let window: Window
  let isMax: Bool

  var name: String { isMax ? "maxPool" : "averagePool" }
  var reads: [Value] { [input] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    let (from, to) = (memory.shape(input), memory.shape(output))
    var call = sk_pool()
    call.input = UnsafePointer(memory.floats(input))
    (call.height, call.width, call.channels) = (from[1], from[2], from[3])
    (call.kernel, call.stride) = (window.kernel, window.stride)
    (call.pad_top, call.pad_left) = (window.padding.top, window.padding.left)
    call.output = memory.floats(output)
    (call.output_height, call.output_width) = (to[1], to[2])
    return Bound(call, images: to[0], isMax: isMax)
  }

  private final class Bound: BoundStep {
    private let call: sk_pool
    private let images: Int, isMax: Bool

    init(_ call: sk_pool, images: Int, isMax: Bool) {
      (self.call, self.images, self.isMax) = (call, images, isMax)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      let mine = Range.partition(images * call.output_height, of: worker, workers)
      for image in 0..<images {
        let rows = mine.inImage(image, each: call.output_height)
        if rows.isEmpty { continue }
        var call = call
        call.input += image * call.height * call.width * call.channels
        call.output += image * call.output_height * call.output_width * call.channels
        if isMax {
          kernels.max_pool(&call, rows.lowerBound, rows.upperBound)
        } else {
          kernels.average_pool(&call, rows.lowerBound, rows.upperBound)
        }
      }
    }
  }
}

extension PoolStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool {
    operation is MaxPool || operation is AveragePool
  }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard lowering.isComputed(node.inputs[0]) else { return nil }
    let max = node.operation as? MaxPool
    guard let window = max?.window ?? (node.operation as? AveragePool)?.window else { return nil }
    return .step(
      Self(
        labels: [node.label], input: node.inputs[0], output: node.outputs[0], window: window,
        isMax: max != nil))
  }
}
