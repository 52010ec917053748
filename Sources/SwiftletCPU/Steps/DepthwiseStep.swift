// DepthwiseStep.swift: depthwise convolutions.

import CKernels
import SwiftletGraph

/// A depthwise convolution of each image.
struct DepthwiseStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let window: Window
  let weights: PackedMatrix
  let epilogue: Epilogue

  var name: String { "depthwise" }
  var reads: [Value] { [input] + [epilogue.residual].compactMap { $0 } }
  var writes: [Value] { [output] }
  func allowsPaddedPixels(of value: Value) -> Bool { epilogue.residual != value }
  var wantsPaddedPixels: Bool { true }

  func bind(_ memory: StepMemory) -> any BoundStep {
    var call = call(memory, input: memory.shape(input), output: memory.shape(output))
    call.input = UnsafePointer(memory.floats(input))
    call.output = memory.floats(output)
    (call.input_stride, call.output_stride) = (memory.pixelStride(input), memory.pixelStride(output))
    return BoundDepthwise(call, images: memory.shape(output)[0])
  }

  /// The kernel's call on densely laid out pixels, without input and output: a fused block sets these strip by strip.
  func call(_ memory: StepMemory, input: Shape, output: Shape) -> sk_depthwise {
    var call = sk_depthwise(memory.plan.caches)
    (call.input_stride, call.output_stride) = (input[3], output[3])
    (call.height, call.width, call.channels) = (input[1], input[2], input[3])
    (call.output_height, call.output_width) = (output[1], output[2])
    call.weights = memory.singles(weights)
    (call.kernel, call.stride) = (window.kernel, window.stride)
    (call.pad_top, call.pad_left) = (window.padding.top, window.padding.left)
    call.epilogue = memory.epilogue(epilogue, channels: output[3])
    return call
  }
}

extension DepthwiseStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is DepthwiseConvolution }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard let operation = node.operation as? DepthwiseConvolution, let weight = lowering.layerWeight(node)
    else { return nil }
    let matrix = pack(weight, kernel: operation.window.kernel, channels: weight.shape[2], &lowering)
    let (epilogue, output, labels) = lowering.epilogue(of: node)
    return .step(
      Self(
        labels: labels, input: node.inputs[0], output: output, window: operation.window, weights: matrix,
        epilogue: epilogue))
  }

  /// Packs `[kernel][kernel][channels]`.
  static func pack(_ weight: Tensor, kernel: Int, channels: Int, _ lowering: inout Lowering) -> PackedMatrix {
    let pack = lowering.kernels.depthwise_pack
    let count = lowering.kernels.depthwise_packed_count(kernel, channels)
    let offset = lowering.blob.reserve(count, of: Float.self) { destination in
      weight.withFloats { pack?($0.baseAddress, kernel, channels, destination) }
    }
    return PackedMatrix(offset: offset, format: .float32)
  }
}

/// A depthwise convolution with its pointers.
private final class BoundDepthwise: BoundStep {
  private let call: sk_depthwise
  private let images: Int

  init(_ call: sk_depthwise, images: Int) { (self.call, self.images) = (call, images) }

  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
    let blocks = call.channels.tiles(of: kernels.depthwise_block)
    let mine = Range.partition(images * call.output_height, of: worker, workers)
    for image in 0..<images {
      let rows = mine.inImage(image, each: call.output_height)
      if rows.isEmpty { continue }
      var call = call
      call.input += image * call.height * call.width * call.input_stride
      let output = image * call.output_height * call.output_width * call.output_stride
      call.output += output
      if call.epilogue.residual != nil { call.epilogue.residual += output }
      kernels.depthwise(&call, rows.lowerBound, rows.upperBound, 0, blocks)
    }
  }
}
