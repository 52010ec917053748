// GlobalPooling.swift: means over an image's pixels, and products with a gradient summed over them.

import CKernels
import SwiftletGraph

/// The mean over all pixels and its gradient, which all pixels of an image share.
enum GlobalPoolingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case is GlobalAveragePool:
      let x = try lowering.source(node.inputs[0])
      lowering.append(
        PooledOp(
          node.label, x, gradient: nil, lowering.define(node.outputs[0]), factor: 1 / Double(x.pixels),
          images: lowering.images(node.inputs[0])))
    case let operation as GlobalAveragePoolGradient:
      let dy = try lowering.stored(node.inputs[0])
      let pixels = operation.input[1] * operation.input[2]
      let offset = lowering.buffer(dy.count)
      lowering.append(ScaleOp(node.label, dy, offset, factor: 1 / Double(pixels)))
      lowering.prologues[node.outputs[0]] = Prologue(
        .backward(BackwardPrologue(incoming: .shared(offset))), channels: operation.input[3], pixels: pixels)
    default: return false
    }
    return true
  }
}

/// factor · Σ over an image's pixels of a prologue, or of its product with a gradient: `[N, C]`.
final class PooledOp: TrainingOp {
  let resources: OpResources
  private let prologue: Prologue
  private let gradient: TrainingBuffer?
  private let target: TrainingBuffer
  private let factor: Double
  private let images: Int

  init(
    _ label: String, _ prologue: Prologue, gradient: TrainingBuffer?, _ target: TrainingBuffer,
    factor: Double, images: Int
  ) {
    (self.prologue, self.gradient, self.target) = (prologue, gradient, target)
    (self.factor, self.images) = (factor, images)
    resources = OpResources(
      label, uses: prologue.buffers + [gradient, target], scratch: 3 * prologue.channels + 32)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = prologue.channels
    // A few pixels at a time in single precision: one sum over a large map loses digits with every pixel.
    let sums = context.scratch
    let totals = UnsafeMutableRawPointer(context.scratch + wholeLines(channels))
      .assumingMemoryBound(to: Double.self)
    sums.update(repeating: 0, count: channels)
    for image in Range.partition(images, of: worker, workers) {
      totals.update(repeating: 0, count: channels)
      var operands = prologue.operands(image: image)
      operands.g = gradient.map { UnsafePointer($0.pointer) }
      for pixels in (image * prologue.pixels..<(image + 1) * prologue.pixels).tiles(of: 32) {
        context.training.pooled(&operands, pixels.lowerBound, pixels.upperBound, sums)
        context.training.accumulate(sums, totals, channels)
      }
      let result = target.pointer + image * channels
      for c in 0..<channels { result[c] = Float(totals[c] * factor) }
    }
  }
}

/// target = factor · source, for vectors.
final class ScaleOp: TrainingOp {
  let resources: OpResources
  private let source: TrainingBuffer, target: TrainingBuffer
  private let factor: Float

  init(_ label: String, _ source: TrainingBuffer, _ target: TrainingBuffer, factor: Double) {
    (self.source, self.target, self.factor) = (source, target, Float(factor))
    resources = OpResources(label, uses: [source, target])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for i in Range.partition(target.count, of: worker, workers, unit: 16) {
      target.pointer[i] = factor * source.pointer[i]
    }
  }
}
