// ChannelScaleStep.swift: the gate of squeeze-and-excite.

import CKernels
import SwiftletGraph

/// Each channel of an image times the image's gate for it.
struct ChannelScaleStep: PlanStep {
  let labels: [String]
  let input: Value, gate: Value, output: Value

  var name: String { "channelScale" }
  var reads: [Value] { [input, gate] }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    Bound(
      x: memory.floats(input), gate: memory.floats(gate), y: memory.floats(output),
      shape: memory.shape(input))
  }

  private final class Bound: BoundStep {
    private let x: UnsafePointer<Float>, gate: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>
    private let images: Int, pixels: Int, channels: Int

    init(x: UnsafePointer<Float>, gate: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, shape: Shape) {
      (self.x, self.gate, self.y) = (x, gate, y)
      (images, pixels, channels) = (shape[0], shape[1] * shape[2], shape[3])
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      let mine = Range.partition(pixels, of: worker, workers)
      for image in 0..<images {
        let offset = (image * pixels + mine.lowerBound) * channels
        kernels.channel_scale(x + offset, gate + image * channels, y + offset, mine.count, channels)
      }
    }
  }
}

extension ChannelScaleStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is ChannelScale }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard node.inputs.allSatisfy(lowering.isComputed) else { return nil }
    return .step(
      Self(labels: [node.label], input: node.inputs[0], gate: node.inputs[1], output: node.outputs[0]))
  }
}
