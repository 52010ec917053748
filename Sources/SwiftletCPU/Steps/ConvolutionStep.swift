// ConvolutionStep.swift: dense and grouped convolutions as indirect products: each pixel's taps are found by a table of offsets.

import CKernels
import SwiftletGraph

/// A convolution of each image and group.
struct ConvolutionStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let groups: Int, taps: Int, groupInputs: Int, groupOutputs: Int
  /// Packed weights of the first group, and floats from group to group.
  let weights: PackedMatrix, weightStride: Int
  /// `[output pixels][taps]` for one image, 32-bit: floats from the image's start to the tapped pixel, −1 outside.
  let offsets: BlobOffset
  /// The interior: output pixels that need no offsets.
  let interior: sk_interior
  let epilogue: Epilogue

  var name: String { "convolution" }
  var reads: [Value] { [input] + [epilogue.residual].compactMap { $0 } }
  var writes: [Value] { [output] }

  func bind(_ memory: StepMemory) -> any BoundStep {
    let (from, to) = (memory.shape(input), memory.shape(output))
    var call = sk_conv(memory.plan.caches)
    call.input = UnsafePointer(memory.floats(input))
    call.offsets = memory.weights(offsets, as: Int32.self)
    call.zeros = memory.weights(memory.plan.zeros)
    call.b = memory.singles(weights)
    call.c = memory.floats(output)
    call.c_stride = to[3]
    (call.pixels, call.taps) = (to[1] * to[2], taps)
    (call.depth, call.columns) = (groupInputs, groupOutputs)
    call.epilogue = memory.epilogue(epilogue, channels: to[3])
    call.interior = interior
    return BoundConvolution(self, call, images: to[0], inputImage: from[1] * from[2] * from[3])
  }
}

extension ConvolutionStep: FastPath {
  /// Bytes that a table of offsets may take. A stem of 7 × 7 at 4096 pixels with stride 2 needs 822 MB.
  private static let mostTableBytes = 1 << 30

  static func takes(_ operation: any GraphOperation) -> Bool { operation is Convolution }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    let (input, output) = (lowering.shape(node.inputs[0]), lowering.shape(node.outputs[0]))
    // The kernels' offsets into an image are 32 bits.
    guard let operation = node.operation as? Convolution, let weight = lowering.layerWeight(node),
      input[1] * input[2] * input[3] <= Int(Int32.max)
    else { return nil }
    let (window, groups) = (operation.window, operation.groups)
    let (taps, columns) = (window.kernel * window.kernel, weight.shape[3])
    let (groupInputs, groupOutputs) = (weight.shape[2], columns / groups)
    let (entries, overflow) = (output[1] * output[2]).multipliedReportingOverflow(by: taps)
    guard !overflow, entries <= mostTableBytes / 4 else {
      throw PlanError.tooLarge(
        network: lowering.graph.name, step: node.label,
        bytes: overflow || entries > Int.max / 4 ? Int.max : 4 * entries, limit: mostTableBytes)
    }
    let pack = lowering.kernels.gemm_pack
    let stride = Int(lowering.kernels.gemm_packed_count(taps * groupInputs, groupOutputs)).rounded(upTo: 16)
    let packed = lowering.blob.reserve(stride * groups, of: Float.self) { destination in
      weight.withFloats { source in
        guard let base = source.baseAddress else { return }
        for group in 0..<groups {
          pack?(
            base + group * groupOutputs, columns, taps * groupInputs, groupOutputs,
            destination + group * stride)
        }
      }
    }
    let offsets = lowering.blob.reserve(entries, of: Int32.self) { table in
      table.update(repeating: -1, count: entries)
      window.forEachTap(
        input: [1, input[1], input[2], input[3]], output: [1, output[1], output[2], output[3]]
      ) { inputPixel, tap, outputPixel in
        table[outputPixel * taps + tap] = Int32(truncatingIfNeeded: inputPixel * input[3])
      }
    }
    let (epilogue, result, labels) = lowering.epilogue(of: node)
    return .step(
      Self(
        labels: labels, input: node.inputs[0], output: result, groups: groups, taps: taps,
        groupInputs: groupInputs, groupOutputs: groupOutputs,
        weights: PackedMatrix(offset: packed, format: .float32), weightStride: stride, offsets: offsets,
        interior: interior(window, input, output, isDense: groups == 1), epilogue: epilogue))
  }

  /// The output pixels whose taps are all inside the image; none where a pixel's channels are not all of the group's.
  private static func interior(_ window: Window, _ input: Shape, _ output: Shape, isDense: Bool)
    -> sk_interior
  {
    guard isDense else { return sk_interior() }
    func inside(_ size: Int, _ padding: Int, _ count: Int) -> (first: Int, end: Int) {
      // Where not even the first window lies inside, division would round −1/2 to 0.
      let room = size + padding - window.kernel
      guard room >= 0 else { return (0, 0) }
      let first = min(padding.tiles(of: window.stride), count)
      return (first, max(min(room / window.stride + 1, count), first))
    }
    let rows = inside(input[1], window.padding.top, output[1])
    let columns = inside(input[2], window.padding.left, output[2])
    var interior = sk_interior()
    interior.width = output[2]
    (interior.top, interior.bottom) = (rows.first, rows.end)
    (interior.left, interior.right) = (columns.first, columns.end)
    interior.pixel_stride = window.stride * input[3]
    (interior.tap_rows, interior.tap_row_stride) = (window.kernel, input[2] * input[3])
    return interior
  }
}

/// A convolution with its pointers.
private final class BoundConvolution: BoundStep {
  private let step: ConvolutionStep
  private let call: sk_conv
  private let images: Int, inputImage: Int

  init(_ step: ConvolutionStep, _ call: sk_conv, images: Int, inputImage: Int) {
    (self.step, self.call, self.images, self.inputImage) = (step, call, images, inputImage)
  }

  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
    let panels = step.groupOutputs.tiles(of: kernels.gemm_panel)
    let mine = Range.partition(images * call.pixels, of: worker, workers, unit: kernels.gemm_rows)
    let firstImage = mine.lowerBound / max(call.pixels, 1)
    for image in firstImage..<images where image * call.pixels < mine.upperBound {
      let pixels = mine.inImage(image, each: call.pixels)
      if pixels.isEmpty { continue }
      for group in 0..<step.groups {
        var call = call
        call.input += image * inputImage + group * step.groupInputs
        call.b += group * step.weightStride
        let output = image * call.pixels * call.c_stride + group * step.groupOutputs
        call.c += output
        if call.epilogue.bias != nil { call.epilogue.bias += group * step.groupOutputs }
        if call.epilogue.residual != nil { call.epilogue.residual += output }
        kernels.conv(&call, pixels.lowerBound, pixels.upperBound, 0, panels)
      }
    }
  }
}
