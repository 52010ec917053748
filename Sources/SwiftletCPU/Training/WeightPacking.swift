// WeightPacking.swift: weights in the order in which products read them; they change with every step.

import CKernels
import SwiftletGraph

extension TrainingLowering {
  /// Weights `[taps, I, O]`, packed for products by an op of its own.
  ///
  /// - Parameters:
  ///   - taps: those that take part, in the order in which the product reads them.
  ///   - isTransposed: from outputs to inputs, for a data gradient.
  mutating func packed(
    _ label: String, _ weight: TrainingBuffer, taps: [Int], inputs: Int, outputs: Int, isTransposed: Bool
  ) -> TrainingBuffer {
    let (depth, columns) = isTransposed ? (outputs, inputs) : (inputs, outputs)
    let packed = buffer(kernels.gemm_packed_count(taps.count * depth, columns))
    if !taps.isEmpty {
      append(
        PackOp(
          label, weight, packed: packed, taps: taps, inputs: inputs, outputs: outputs,
          isTransposed: isTransposed))
    }
    return packed
  }
}

/// Packs the weights `[taps, I, O]` of a convolution or linear layer for products.
final class PackOp: TrainingOp {
  let resources: OpResources
  private let weight: TrainingBuffer, packed: TrainingBuffer
  private let taps: [Int]
  private let inputs: Int, outputs: Int
  private let isTransposed: Bool

  /// - Parameters:
  ///   - taps: those that take part, in the order in which the product reads them.
  ///   - isTransposed: from outputs to inputs, for a data gradient.
  init(
    _ label: String, _ weight: TrainingBuffer, packed: TrainingBuffer, taps: [Int], inputs: Int, outputs: Int,
    isTransposed: Bool
  ) {
    (self.weight, self.packed, self.taps) = (weight, packed, taps)
    (self.inputs, self.outputs, self.isTransposed) = (inputs, outputs, isTransposed)
    resources = OpResources(label, uses: [weight, packed])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (depth, columns) = isTransposed ? (outputs, inputs) : (inputs, outputs)
    let panels = (columns + context.kernels.gemm_panel - 1) / context.kernels.gemm_panel
    let mine = Range.partition(panels, of: worker, workers)
    for (index, tap) in taps.enumerated() {
      context.training.pack(
        weight.pointer + tap * inputs * outputs, isTransposed ? 1 : outputs, isTransposed ? outputs : 1,
        depth, columns, packed.pointer, taps.count * depth, index * depth, mine.lowerBound, mine.upperBound)
    }
  }
}

/// Packs the weights `[taps, C]` of a depthwise convolution; rotated by 180° for its data gradient.
final class DepthwisePackOp: TrainingOp {
  let resources: OpResources
  private let weight: TrainingBuffer, packed: TrainingBuffer
  private let kernel: Int, channels: Int
  private let isFlipped: Bool

  init(
    _ label: String, _ weight: TrainingBuffer, packed: TrainingBuffer, kernel: Int, channels: Int,
    isFlipped: Bool
  ) {
    (self.weight, self.packed, self.kernel) = (weight, packed, kernel)
    (self.channels, self.isFlipped) = (channels, isFlipped)
    resources = OpResources(label, uses: [weight, packed], scratch: isFlipped ? weight.count : 0)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard worker == 0 else { return }
    guard isFlipped else {
      context.kernels.depthwise_pack(weight.pointer, kernel, channels, packed.pointer)
      return
    }
    let taps = kernel * kernel
    for tap in 0..<taps {
      (context.scratch + tap * channels).update(
        from: weight.pointer + (taps - 1 - tap) * channels, count: channels)
    }
    context.kernels.depthwise_pack(context.scratch, kernel, channels, packed.pointer)
  }
}

/// Adds the shards' partial weight gradients `[shards, …]` in order; turns them around where they are `[O, I]`.
final class ReduceOp: TrainingOp {
  let resources: OpResources
  private let partial: TrainingBuffer, gradient: TrainingBuffer
  private let shards: Int
  private let transposedRows: Int?

  /// - Parameter transposedRows: O, where the partial gradients are `[O, I]` and the gradient is `[I, O]`.
  init(
    _ label: String, partial: TrainingBuffer, gradient: TrainingBuffer, shards: Int, transposedRows: Int?
  ) {
    (self.partial, self.gradient, self.shards) = (partial, gradient, shards)
    self.transposedRows = transposedRows
    resources = OpResources(label, uses: [partial, gradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let count = gradient.count
    let mine = Range.partition(count, of: worker, workers, unit: 16)
    let (source, target) = (partial.pointer, gradient.pointer)
    if let outputs = transposedRows {
      let inputs = count / outputs
      // Blocks that stay in the first-level cache on both sides, even where all rows of one side fall into one of its sets.
      let block = 8
      for columns in Range.partition(inputs, of: worker, workers, unit: block).tiles(of: block) {
        for rows in (0..<outputs).tiles(of: block) {
          for o in rows {
            for i in columns {
              var sum: Float = 0
              for shard in 0..<shards { sum += source[shard * count + o * inputs + i] }
              target[i * outputs + o] = sum
            }
          }
        }
      }
      return
    }
    for tile in mine.tiles(of: 4096) {
      for i in tile { target[i] = source[i] }
      for shard in 1..<max(shards, 1) {
        let next = source + shard * count
        for i in tile { target[i] += next[i] }
      }
    }
  }
}
