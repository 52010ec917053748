// ElementWork.swift: views that are stored after all, sums, means over pixels, random factors.

import CKernels
import SwiftletGraph

/// Stores a view.
final class StoreWork: TrainingWork {
  private let view: TrainingView
  private let target: TrainingBuffer
  private let chunks: Chunks

  init(_ label: String, _ view: TrainingView, _ target: TrainingBuffer, chunks: Chunks) {
    (self.view, self.target, self.chunks) = (view, target, chunks)
    super.init(label, uses: view.buffers + [target])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    for chunk in chunks.share(of: part, parts) {
      let (begin, end) = (
        chunks[chunk].lowerBound * view.pixels, chunks[chunk].upperBound * view.pixels
      )
      view.evaluate(
        context, begin, end, into: target.pointer + begin * view.channels, stride: view.channels)
    }
  }
}

/// activation(a + b), stored.
final class SumWork: TrainingWork {
  private let a: TrainingView, b: TrainingView
  private let activation: ActivationFunction?
  private let target: TrainingBuffer
  private let chunks: Chunks

  init(
    _ label: String, _ a: TrainingView, _ b: TrainingView, _ activation: ActivationFunction?,
    _ target: TrainingBuffer, chunks: Chunks
  ) {
    (self.a, self.b, self.activation) = (a, b, activation)
    (self.target, self.chunks) = (target, chunks)
    super.init(
      label, uses: a.buffers + b.buffers + [target],
      scratch: 2 * stripPixels(floats: 3 * a.channels) * a.channels)
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = a.channels
    let step = stripPixels(floats: 3 * channels)
    for chunk in chunks.share(of: part, parts) {
      for pixels in chunks.pixels(chunk, each: a.pixels).pieces(of: step) {
        let (first, last) = (pixels.lowerBound, pixels.upperBound)
        let left = a.strip(context, first, last, context.scratch)
        let right = b.strip(context, first, last, context.scratch + step * channels)
        context.kernels.add(
          left, right, target.pointer + first * channels, pixels.count * channels,
          activation?.code ?? SK_NONE)
      }
    }
  }
}

/// factor · Σ over an image's pixels of a view, or of its product with a gradient: `[N, C]`.
final class PooledWork: TrainingWork {
  private let view: TrainingView
  private let gradient: TrainingBuffer?
  private let target: TrainingBuffer
  private let factor: Double
  private let images: Int

  init(
    _ label: String, _ view: TrainingView, gradient: TrainingBuffer?, _ target: TrainingBuffer,
    factor: Double, images: Int
  ) {
    (self.view, self.gradient, self.target) = (view, gradient, target)
    (self.factor, self.images) = (factor, images)
    super.init(label, uses: view.buffers + [gradient, target], scratch: 3 * view.channels + 32)
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = view.channels
    // A few pixels at a time in single precision: one sum over a large map loses digits with every pixel.
    let sums = context.scratch
    let totals = UnsafeMutableRawPointer(context.scratch + (channels + 15) / 16 * 16)
      .assumingMemoryBound(to: Double.self)
    sums.update(repeating: 0, count: channels)
    for image in Range.share(images, of: part, parts) {
      totals.update(repeating: 0, count: channels)
      var operands = view.operands(image: image)
      operands.g = gradient.map { UnsafePointer($0.pointer) }
      for pixels in (image * view.pixels..<(image + 1) * view.pixels).pieces(of: 32) {
        context.training.pooled(&operands, pixels.lowerBound, pixels.upperBound, sums)
        context.training.flush(sums, totals, channels)
      }
      let result = target.pointer + image * channels
      for c in 0..<channels { result[c] = Float(totals[c] * factor) }
    }
  }
}

/// target = factor · source, for vectors.
final class ScaleWork: TrainingWork {
  private let source: TrainingBuffer, target: TrainingBuffer
  private let factor: Float

  init(_ label: String, _ source: TrainingBuffer, _ target: TrainingBuffer, factor: Double) {
    (self.source, self.target, self.factor) = (source, target, Float(factor))
    super.init(label, uses: [source, target])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    for i in Range.share(target.count, of: part, parts, unit: 16) {
      target.pointer[i] = factor * source.pointer[i]
    }
  }
}

/// x with random zeros, as ``Dropout`` draws them.
final class DropoutWork: TrainingWork {
  private let operation: Dropout
  private let x: TrainingBuffer, step: TrainingBuffer, y: TrainingBuffer

  init(
    _ label: String, _ operation: Dropout, _ x: TrainingBuffer, step: TrainingBuffer, _ y: TrainingBuffer
  ) {
    (self.operation, self.x, self.step, self.y) = (operation, x, step, y)
    super.init(label, uses: [x, step, y])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard part == 0 else { return }
    var zeros = RandomZeros(rate: operation.rate, seed: operation.seed, step: Double(step.pointer[0]))
    let factor = 1 / (1 - operation.rate)
    for i in 0..<x.count { y.pointer[i] = zeros.drops() ? 0 : Float(Double(x.pointer[i]) * factor) }
  }
}

/// The factors of ``StochasticDepth`` as a gate `[N, C]`.
final class StochasticDepthWork: TrainingWork {
  private let operation: StochasticDepth
  private let step: TrainingBuffer, gate: TrainingBuffer
  private let images: Int

  init(
    _ label: String, _ operation: StochasticDepth, step: TrainingBuffer, gate: TrainingBuffer, images: Int
  ) {
    (self.operation, self.step, self.gate, self.images) = (operation, step, gate, images)
    super.init(label, uses: [step, gate])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard part == 0 else { return }
    var zeros = RandomZeros(rate: operation.rate, seed: operation.seed, step: Double(step.pointer[0]))
    let channels = gate.count / max(images, 1)
    for image in 0..<images {
      let factor = zeros.drops() ? 0 : Float(1 / (1 - operation.rate))
      (gate.pointer + image * channels).update(repeating: factor, count: channels)
    }
  }
}

/// An operation by its definition, on one thread; it allocates.
final class ReferenceWork: TrainingWork {
  private let operation: any SwiftletGraph.Operation
  private let inputs: [(Shape, TrainingBuffer)], outputs: [TrainingBuffer]

  init(
    _ label: String, _ operation: any SwiftletGraph.Operation, _ inputs: [(Shape, TrainingBuffer)],
    _ outputs: [TrainingBuffer]
  ) {
    (self.operation, self.inputs, self.outputs) = (operation, inputs, outputs)
    super.init(label, uses: inputs.map(\.1) + outputs)
  }

  override var name: String { "Reference(\(type(of: operation).name))" }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard part == 0 else { return }
    let operands = inputs.map { shape, buffer in
      HostTensor(shape, (0..<shape.count).map { Double(buffer.pointer[$0]) })
    }
    for (result, output) in zip(operation.reference(operands), outputs) {
      for (index, value) in result.values.enumerated() { output.pointer[index] = Float(value) }
    }
  }
}
