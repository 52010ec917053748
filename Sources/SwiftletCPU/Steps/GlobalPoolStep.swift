// GlobalPoolStep.swift: the mean of each channel over all pixels.

import CKernels
import SwiftletGraph

/// `[N, H, W, C]` → `[N, C]`.
struct GlobalPoolStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value

  var name: String { "globalPool" }
  var reads: [Value] { [input] }
  var writes: [Value] { [output] }
  func allowsPaddedPixels(of value: Value) -> Bool { true }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(
      x: memory.floats(input), y: memory.floats(output), shape: memory.shape(input),
      stride: memory.pixelStride(input))
  }

  private final class Bound: BoundStep {
    private let x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let images: Int, pixels: Int, channels: Int, stride: Int

    init(x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, shape: Shape, stride: Int) {
      (self.x, self.y, self.stride) = (x, y, stride)
      (images, pixels, channels) = (shape[0], shape[1] * shape[2], shape[3])
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      let mine = Range.partition(channels, of: worker, workers, unit: 16)
      if mine.isEmpty { return }
      for image in 0..<images {
        kernels.channel_sum(
          x + image * pixels * stride, stride, pixels, 1 / Float(pixels), y + image * channels,
          mine.lowerBound, mine.upperBound)
      }
    }
  }
}

extension GlobalPoolStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is GlobalAveragePool }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard lowering.isComputed(node.inputs[0]) else { return nil }
    return .step(Self(labels: [node.label], input: node.inputs[0], output: node.outputs[0]))
  }
}
