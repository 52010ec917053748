// Runnable.swift: a step with its pointers: what a session executes.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A step bound to one session's arena.
enum Runnable {
  case gemm(sk_gemm)
  case convolution(
    sk_conv, images: Int, inputImage: Int, groups: Int, groupInputs: Int, groupOutputs: Int, weightStride: Int
  )
  case winograd(WinogradRun)
  case depthwise(sk_depthwise, images: Int)
  case block(BlockRun)
  case pool(sk_pool, images: Int, isMax: Bool)
  case globalPool(
    input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, images: Int, pixels: Int, channels: Int,
    stride: Int)
  case activate(UnsafePointer<Float>, UnsafeMutablePointer<Float>, count: Int, sk_activation)
  case add(UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, count: Int, sk_activation)
  case channelScale(
    UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, images: Int, pixels: Int,
    channels: Int)
  case reference(ReferenceCall)
}

/// A step by an operation's own definition.
struct ReferenceCall {
  let operation: any SwiftletGraph.Operation
  /// Shapes and floats of what is read; a parameter has its tensor instead of floats.
  let inputs: [(shape: Shape, floats: UnsafePointer<Float>?, tensor: Tensor?)]
  let outputs: [(count: Int, floats: UnsafeMutablePointer<Float>)]

  func run() {
    let operands = inputs.map { input -> HostTensor in
      if let tensor = input.tensor { return HostTensor(tensor) }
      guard let floats = input.floats else { return HostTensor(input.shape) }
      return HostTensor(input.shape, (0..<input.shape.count).map { Double(floats[$0]) })
    }
    for (result, output) in zip(operation.reference(operands), outputs) {
      for (index, value) in result.values.enumerated() { output.floats[index] = Float(value) }
    }
  }
}

extension Runnable {
  /// Does one part's share of the step.
  @inline(__always)
  func run(_ kernels: borrowing sk_kernels, part: Int, parts: Int) {
    switch self {
    case .gemm(var call):
      let panels = (call.columns + kernels.gemm_panel - 1) / kernels.gemm_panel
      // Rows are split where there are enough of them, panels of weights where there are not.
      let byRows = call.rows >= 2 * parts * kernels.gemm_rows || panels < parts
      let rows = byRows ? Range.share(call.rows, of: part, parts, unit: kernels.gemm_rows) : 0..<call.rows
      let mine = byRows ? 0..<panels : Range.share(panels, of: part, parts)
      if rows.isEmpty || mine.isEmpty { return }
      kernels.gemm(&call, rows.lowerBound, rows.upperBound, mine.lowerBound, mine.upperBound)
    case .convolution(
      let call, let images, let inputImage, let groups, let groupInputs, let groupOutputs, let weightStride):
      let panels = (groupOutputs + kernels.gemm_panel - 1) / kernels.gemm_panel
      let mine = Range.share(images * call.pixels, of: part, parts, unit: kernels.gemm_rows)
      let firstImage = mine.lowerBound / max(call.pixels, 1)
      for image in firstImage..<images where image * call.pixels < mine.upperBound {
        let pixels = mine.inImage(image, each: call.pixels)
        if pixels.isEmpty { continue }
        for group in 0..<groups {
          var call = call
          call.input += image * inputImage + group * groupInputs
          call.b += group * weightStride
          let output = image * call.pixels * call.c_stride + group * groupOutputs
          call.c += output
          if call.epilogue.bias != nil { call.epilogue.bias += group * groupOutputs }
          if call.epilogue.residual != nil { call.epilogue.residual += output }
          kernels.conv(&call, pixels.lowerBound, pixels.upperBound, 0, panels)
        }
      }
    case .depthwise(let call, let images):
      let blocks = (call.channels + kernels.depthwise_block - 1) / kernels.depthwise_block
      let mine = Range.share(images * call.output_height, of: part, parts)
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
    case .winograd(let convolution): convolution.run(kernels, part: part, parts: parts)
    case .block(let block): block.run(kernels, part: part, parts: parts)
    case .pool(let call, let images, let isMax):
      let mine = Range.share(images * call.output_height, of: part, parts)
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
    case .globalPool(let input, let output, let images, let pixels, let channels, let stride):
      let mine = Range.share(channels, of: part, parts, unit: 16)
      if mine.isEmpty { return }
      for image in 0..<images {
        kernels.channel_sum(
          input + image * pixels * stride, stride, pixels, 1 / Float(pixels), output + image * channels,
          mine.lowerBound, mine.upperBound)
      }
    case .activate(let x, let y, let count, let activation):
      let mine = Range.share(count, of: part, parts, unit: 64)
      kernels.activate(x + mine.lowerBound, y + mine.lowerBound, mine.count, activation)
    case .add(let a, let b, let y, let count, let activation):
      let mine = Range.share(count, of: part, parts, unit: 64)
      kernels.add(a + mine.lowerBound, b + mine.lowerBound, y + mine.lowerBound, mine.count, activation)
    case .channelScale(let x, let gate, let y, let images, let pixels, let channels):
      let mine = Range.share(pixels, of: part, parts)
      for image in 0..<images {
        let offset = (image * pixels + mine.lowerBound) * channels
        kernels.channel_scale(x + offset, gate + image * channels, y + offset, mine.count, channels)
      }
    case .reference(let call):
      if part == 0 { call.run() }
    }
  }
}
