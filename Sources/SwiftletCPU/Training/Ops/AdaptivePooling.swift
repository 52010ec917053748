// AdaptivePooling.swift: means over a fixed grid of cells, and their gradient.

import CKernels
import SwiftletGraph

/// The mean over each cell of a grid.
enum AdaptivePoolingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let (isGradient, input): (Bool, Shape)
    switch node.operation {
    case is AdaptiveAveragePool: (isGradient, input) = (false, lowering.shape(node.inputs[0]))
    case let operation as AdaptiveAveragePoolGradient: (isGradient, input) = (true, operation.input)
    default: return false
    }
    let source = try lowering.stored(node.inputs[0])
    let size = lowering.shape(isGradient ? node.inputs[0] : node.outputs[0])[1]
    lowering.append(
      AdaptivePoolOp(
        node.label, source, lowering.define(node.outputs[0]), input: input, size: size,
        isGradient: isGradient))
    return true
  }
}

/// Means of cells, which may overlap; or their gradient, in equal parts to the pixels of each cell.
final class AdaptivePoolOp: TrainingOp {
  let resources: OpResources
  private let source: TrainingBuffer, target: TrainingBuffer
  private let input: Shape, size: Int
  private let isGradient: Bool

  /// - Parameters:
  ///   - input: `[N, H, W, C]` of the pool.
  ///   - size: cells along each side.
  init(
    _ label: String, _ source: TrainingBuffer, _ target: TrainingBuffer, input: Shape, size: Int,
    isGradient: Bool
  ) {
    (self.source, self.target, self.input) = (source, target, input)
    (self.size, self.isGradient) = (size, isGradient)
    resources = OpResources(label, uses: [source, target], scratch: 2 * input[3])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (height, width, channels) = (input[1], input[2], input[3])
    let sums = UnsafeMutableRawPointer(context.scratch).assumingMemoryBound(to: Double.self)
    for image in Range.partition(input[0], of: worker, workers) {
      if isGradient {
        let each = height * width * channels
        (target.pointer + image * each).update(repeating: 0, count: each)
      }
      for cell in 0..<size * size {
        let rows = AdaptiveAveragePool.cell(cell / size, of: size, height)
        let columns = AdaptiveAveragePool.cell(cell % size, of: size, width)
        let share = 1 / Double(rows.count * columns.count)
        let small = (image * size * size + cell) * channels
        sums.update(repeating: 0, count: channels)
        for row in rows {
          for column in columns {
            let large = ((image * height + row) * width + column) * channels
            if isGradient {
              let (to, from) = (target.pointer + large, source.pointer + small)
              for c in 0..<channels { to[c] += from[c] * Float(share) }
            } else {
              let from = source.pointer + large
              for c in 0..<channels { sums[c] += Double(from[c]) }
            }
          }
        }
        if !isGradient {
          for c in 0..<channels { target.pointer[small + c] = Float(sums[c] * share) }
        }
      }
    }
  }
}
