// AdaptivePoolStep.swift: the mean over a fixed grid of cells, whatever the input's size (VGG).

import CKernels
import SwiftletGraph

/// `[N, H, W, C]` → `[N, size, size, C]`; workers share the cells.
struct AdaptivePoolStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let size: Int

  var name: String { "adaptivePool" }
  var reads: [Value] { [input] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(x: memory.floats(input), y: memory.floats(output), shape: memory.shape(input), size: size)
  }

  private final class Bound: BoundStep {
    private let x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let images: Int, height: Int, width: Int, channels: Int, size: Int

    init(x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, shape: Shape, size: Int) {
      (self.x, self.y, self.size) = (x, y, size)
      (images, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      for cell in Range.partition(images * size * size, of: worker, workers) {
        let image = cell / (size * size)
        let rows = AdaptiveAveragePool.cell(cell / size % size, of: size, height)
        let columns = AdaptiveAveragePool.cell(cell % size, of: size, width)
        let target = y + cell * channels
        target.update(repeating: 0, count: channels)
        for row in rows {
          for column in columns {
            let pixel = x + ((image * height + row) * width + column) * channels
            kernels.add(target, pixel, target, channels, SK_NONE)
          }
        }
        let share = 1 / Float(rows.count * columns.count)
        for channel in 0..<channels { target[channel] *= share }
      }
    }
  }
}

extension AdaptivePoolStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is AdaptiveAveragePool }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard let operation = node.operation as? AdaptiveAveragePool, lowering.isComputed(node.inputs[0]) else {
      return nil
    }
    return .step(
      Self(labels: [node.label], input: node.inputs[0], output: node.outputs[0], size: operation.size))
  }
}
