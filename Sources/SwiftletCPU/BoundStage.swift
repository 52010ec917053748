// BoundStage.swift: one arena of a stage, and its steps with pointers into it.

import CKernels
import SwiftletCore
import SwiftletGraph

/// A stage bound to an arena of its own.
final class BoundStage {
  private let stage: Stage
  private let plan: CPUPlan
  private let arena: ZeroedMemory
  private let base: UnsafeMutablePointer<Float>
  private let table: sk_kernels
  /// The steps, ready to run.
  let runnables: UnsafeMutableBufferPointer<Runnable>
  /// Keeps what runnables point to.
  private var indirections: [UnsafeMutableBufferPointer<Int32>] = []

  var isApart: Bool { stage.isApart }

  init(_ stage: Stage, _ plan: CPUPlan) {
    self.stage = stage
    self.plan = plan
    arena = ZeroedMemory(byteCount: max(4 * stage.arenaCount, 64))
    base = arena.bytes.assumingMemoryBound(to: Float.self).baseAddress.unsafelyUnwrapped
    table = plan.kernels.table
    runnables = .allocate(capacity: stage.steps.count)
    for (index, step) in stage.steps.enumerated() {
      runnables.initializeElement(at: index, to: bind(step, index))
    }
  }

  deinit {
    runnables.deinitialize()
    runnables.deallocate()
    for indirection in indirections { indirection.deallocate() }
    arena.deallocate()
  }

  /// Where a value of the stage is.
  func pointer(_ value: Value) -> UnsafeMutablePointer<Float> { base + (stage.places[value]?.offset ?? 0) }

  /// Floats from pixel to pixel of a feature map, or from row to row.
  private func stride(_ value: Value) -> Int {
    let shape = plan.graph.type(of: value).shape
    return stage.strides[value] ?? shape[shape.rank - 1]
  }

  /// A value's shape as the steps see it.
  private func shape(_ value: Value) -> Shape {
    let shape = plan.graph.type(of: value).shape
    guard stage.isApart, stage.places[value] != nil else { return shape }
    return Shape([1] + (1..<shape.rank).map { shape[$0] })
  }

  /// A matrix that is in half precision.
  private func halfWeights(_ offset: BlobOffset) -> UnsafePointer<UInt16>? {
    guard plan.halves.contains(offset) else { return nil }
    return weights(offset).map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt16.self) }
  }

  private func weights(_ offset: BlobOffset) -> UnsafePointer<Float>? {
    plan.blob.withUnsafeBytes { $0.baseAddress?.assumingMemoryBound(to: Float.self) }.map { $0 + offset }
  }

  private func bind(_ epilogue: Epilogue, channels: Int) -> sk_epilogue {
    sk_epilogue(
      bias: epilogue.bias.flatMap(weights), residual: epilogue.residual.map { UnsafePointer(pointer($0)) },
      residual_stride: channels, activation: epilogue.activation?.code ?? SK_NONE, sums: nil)
  }

  private func bind(_ step: Step, _ index: Int) -> Runnable {
    let input = step.inputs.first.map { shape($0) } ?? []
    let output = shape(step.outputs[0])
    let x = step.inputs.first.map(pointer) ?? base
    let y = pointer(step.outputs[0])
    switch step.kind {
    case .gemm(let rows, let depth, let columns, let offset, let epilogue):
      let call = sk_gemm(
        a: x, a_stride: stride(step.inputs[0]), gate: nil, b: weights(offset), c: y,
        c_stride: stride(step.outputs[0]), rows: rows, depth: depth,
        columns: columns, epilogue: bind(epilogue, channels: columns), half_b: halfWeights(offset),
        ahead: nil, ahead_end: nil)
      return .gemm(call)
    case .convolution(let convolution):
      let indirection = UnsafeMutableBufferPointer<Int32>.allocate(capacity: convolution.offsets.count)
      _ = indirection.initialize(from: convolution.offsets)
      indirections.append(indirection)
      let call = sk_conv(
        input: x, offsets: indirection.baseAddress, zeros: weights(plan.zeros),
        b: weights(convolution.weights),
        c: y, c_stride: output[3], pixels: output[1] * output[2], taps: convolution.taps,
        depth: convolution.groupInputs, columns: convolution.groupOutputs,
        epilogue: bind(convolution.epilogue, channels: output[3]), regular: convolution.regular)
      return .convolution(
        call, images: output[0], inputImage: input[1] * input[2] * input[3], groups: convolution.groups,
        groupInputs: convolution.groupInputs, groupOutputs: convolution.groupOutputs,
        weightStride: convolution.weightStride)
    case .winograd(let convolution):
      let call = sk_winograd(
        input: x, height: input[1], width: input[2], channels: convolution.channels,
        pad_top: convolution.padding.top, pad_left: convolution.padding.left, c: y, c_stride: output[3],
        output_height: output[1], output_width: output[2], columns: convolution.columns,
        epilogue: bind(convolution.epilogue, channels: output[3]), tiles: 0)
      return .winograd(
        WinogradRun(
          call: call, weights: weights(convolution.weights), weightStride: convolution.weightStride,
          images: output[0], inputImage: input[1] * input[2] * input[3], tiles: convolution.tiles,
          tilesAtOnce: convolution.tilesAtOnce, scratch: base + (stage.scratchPlaces[index]?.offset ?? 0),
          scratchCount: convolution.scratch))
    case .depthwise(let window, let offset, let epilogue):
      let call = sk_depthwise(
        input: x, input_stride: stride(step.inputs[0]), height: input[1], width: input[2], channels: input[3],
        weights: weights(offset), kernel: window.kernel, stride: window.stride, pad_top: window.padding.top,
        pad_left: window.padding.left, output: y, output_stride: stride(step.outputs[0]),
        output_height: output[1],
        output_width: output[2], epilogue: bind(epilogue, channels: output[3]))
      return .depthwise(call, images: output[0])
    case .block(let block):
      func bind(_ part: PointwisePart) -> sk_gemm {
        sk_gemm(
          a: x, a_stride: part.depth, gate: nil, b: weights(part.weights), c: y, c_stride: part.columns,
          rows: 0,
          depth: part.depth, columns: part.columns,
          epilogue: self.bind(part.epilogue, channels: part.columns), half_b: halfWeights(part.weights),
          ahead: nil, ahead_end: nil)
      }
      let (expanded, filtered, window) = (block.expanded, block.filtered, block.window)
      var expand = block.expand.map(bind)
      expand?.c_stride = expanded[3]
      return .block(
        BlockRun(
          expand: expand,
          depthwise: sk_depthwise(
            input: x, input_stride: expanded[3], height: expanded[1], width: expanded[2],
            channels: expanded[3],
            weights: weights(block.depthwiseWeights), kernel: window.kernel, stride: window.stride,
            pad_top: window.padding.top, pad_left: window.padding.left, output: y, output_stride: expanded[3],
            output_height: filtered[1], output_width: filtered[2],
            epilogue: self.bind(block.depthwiseEpilogue, channels: expanded[3])),
          project: bind(block.project), input: x, inputChannels: input[3], images: input[0],
          height: expanded[1], width: expanded[2], channels: expanded[3], rows: block.rows,
          expandedRows: block.expandedRows,
          scratch: base + (stage.scratchPlaces[index]?.offset ?? 0), expandedCount: block.scratch.expanded,
          scratchCount: block.scratch.expanded + block.scratch.filtered))
    case .pool(let window, let isMax):
      let call = sk_pool(
        input: x, height: input[1], width: input[2], channels: input[3], kernel: window.kernel,
        stride: window.stride, pad_top: window.padding.top, pad_left: window.padding.left, output: y,
        output_height: output[1], output_width: output[2])
      return .pool(call, images: output[0], isMax: isMax)
    case .globalPool:
      return .globalPool(
        input: x, output: y, images: input[0], pixels: input[1] * input[2], channels: input[3],
        stride: stride(step.inputs[0]))
    case .activate(let function): return .activate(x, y, count: output.count, function.code)
    case .add(let activation):
      return .add(x, pointer(step.inputs[1]), y, count: output.count, activation?.code ?? SK_NONE)
    case .channelScale:
      return .channelScale(
        x, pointer(step.inputs[1]), y, images: input[0], pixels: input[1] * input[2], channels: input[3])
    case .reference(let operation):
      return .reference(
        ReferenceCall(
          operation: operation,
          inputs: step.inputs.map { value in
            let tensor = plan.parameters[value]
            return (
              shape(value), tensor == nil ? UnsafePointer(pointer(value)) : nil, tensor
            )
          },
          outputs: step.outputs.map { (shape($0).count, pointer($0)) }))
    }
  }
}
