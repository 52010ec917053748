// CPUSession.swift: one arena, and the steps bound to it.

import CKernels
import SwiftletCore
import SwiftletGraph

/// Runs a ``CPUPlan``, one input at a time. ``run()`` neither allocates nor locks.
public struct CPUSession: Session, ~Copyable {
  private let state: SessionState

  init(_ plan: CPUPlan) { state = SessionState(plan) }

  public mutating func run(_ inputs: [Tensor]) throws -> [Tensor] {
    let graph = state.plan.graph
    try graph.check(inputs)
    for (index, tensor) in inputs.enumerated() { withInput(index) { Self.copy(tensor, to: $0) } }
    run()
    return try (graph.outputs + graph.updates).map { port in
      let type = graph.type(of: port.value)
      return try Tensor(shape: type.shape, floats: Array(state.floats(port.value)))
    }
  }

  /// Gives an input's floats, to be filled before ``run()``.
  ///
  /// - Precondition: there is such an input.
  public mutating func withInput(_ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    body(state.floats(state.plan.graph.inputs[index].value))
  }

  /// Gives an output's floats after ``run()``.
  ///
  /// - Precondition: there is such an output.
  public func withOutput<Result>(_ index: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
    body(UnsafeBufferPointer(state.floats(state.plan.graph.outputs[index].value)))
  }

  /// Runs the plan on what the inputs hold.
  public mutating func run() { state.run() }

  /// Runs the plan once on one thread, and gives the seconds that each step took.
  package mutating func timedSteps() -> [Double] { state.timedSteps() }

  private static func copy(_ tensor: Tensor, to floats: UnsafeMutableBufferPointer<Float>) {
    guard tensor.scalarType == .float32 else {
      for (index, value) in tensor.floats().enumerated() { floats[index] = value }
      return
    }
    tensor.withUnsafeBytes { UnsafeMutableRawBufferPointer(floats).copyMemory(from: $0) }
  }
}

/// A session's memory. Sessions are not shared, and neither is this; members of a run see it only during the run.
private final class SessionState {
  let plan: CPUPlan
  private let arena: ZeroedMemory
  private let base: UnsafeMutablePointer<Float>
  private var table: sk_kernels
  private var runnables: UnsafeMutableBufferPointer<Runnable>
  /// Keeps what runnables point to.
  private var indirections: [UnsafeMutableBufferPointer<Int32>] = []

  init(_ plan: CPUPlan) {
    self.plan = plan
    arena = ZeroedMemory(byteCount: max(4 * plan.arenaCount, 64))
    base = arena.bytes.assumingMemoryBound(to: Float.self).baseAddress.unsafelyUnwrapped
    table = plan.kernels.table
    runnables = .allocate(capacity: plan.steps.count)
    for (index, step) in plan.steps.enumerated() {
      runnables.initializeElement(at: index, to: bind(step, index))
    }
  }

  deinit {
    runnables.deinitialize()
    runnables.deallocate()
    for indirection in indirections { indirection.deallocate() }
    arena.deallocate()
  }

  func floats(_ value: Value) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: base + (plan.places[value]?.offset ?? 0), count: plan.graph.type(of: value).shape.count)
  }

  func run() {
    plan.pool.run(
      { context, part, parts in
        let state = Unmanaged<SessionState>.fromOpaque(context).takeUnretainedValue()
        for index in state.runnables.indices {
          state.runnables[index].run(state.table, part: part, parts: parts)
          state.plan.pool.barrier(parts: parts)
        }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  func timedSteps() -> [Double] {
    runnables.map { runnable in
      let start = ContinuousClock.now
      runnable.run(table, part: 0, parts: 1)
      let time = (ContinuousClock.now - start).components
      return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }
  }

  // MARK: Binding

  private func pointer(_ value: Value) -> UnsafeMutablePointer<Float> {
    base + (plan.places[value]?.offset ?? 0)
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
    let input = step.inputs.first.map { plan.graph.type(of: $0).shape } ?? []
    let output = plan.graph.type(of: step.outputs[0]).shape
    let x = step.inputs.first.map(pointer) ?? base
    let y = pointer(step.outputs[0])
    switch step.kind {
    case .gemm(let rows, let depth, let columns, let offset, let epilogue):
      let call = sk_gemm(
        a: x, a_stride: depth, gate: nil, b: weights(offset), c: y, c_stride: columns, rows: rows,
        depth: depth,
        columns: columns, epilogue: bind(epilogue, channels: columns))
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
        epilogue: bind(convolution.epilogue, channels: output[3]))
      return .winograd(
        WinogradRun(
          call: call, weights: weights(convolution.weights), weightStride: convolution.weightStride,
          images: output[0], inputImage: input[1] * input[2] * input[3], tiles: convolution.tiles,
          tilesAtOnce: convolution.tilesAtOnce, scratch: base + (plan.scratchPlaces[index]?.offset ?? 0),
          scratchCount: convolution.scratch))
    case .depthwise(let window, let offset, let epilogue):
      let call = sk_depthwise(
        input: x, input_stride: input[3], height: input[1], width: input[2], channels: input[3],
        weights: weights(offset), kernel: window.kernel, stride: window.stride, pad_top: window.padding.top,
        pad_left: window.padding.left, output: y, output_stride: output[3], output_height: output[1],
        output_width: output[2], epilogue: bind(epilogue, channels: output[3]))
      return .depthwise(call, images: output[0])
    case .block(let block):
      func bind(_ part: PointwisePart) -> sk_gemm {
        sk_gemm(
          a: x, a_stride: part.depth, gate: nil, b: weights(part.weights), c: y, c_stride: part.columns,
          rows: 0,
          depth: part.depth, columns: part.columns, epilogue: self.bind(part.epilogue, channels: part.columns)
        )
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
          scratch: base + (plan.scratchPlaces[index]?.offset ?? 0), expandedCount: block.scratch.expanded,
          scratchCount: block.scratch.expanded + block.scratch.filtered))
    case .pool(let window, let isMax):
      let call = sk_pool(
        input: x, height: input[1], width: input[2], channels: input[3], kernel: window.kernel,
        stride: window.stride, pad_top: window.padding.top, pad_left: window.padding.left, output: y,
        output_height: output[1], output_width: output[2])
      return .pool(call, images: output[0], isMax: isMax)
    case .globalPool:
      return .globalPool(
        input: x, output: y, images: input[0], pixels: input[1] * input[2], channels: input[3])
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
              plan.graph.type(of: value).shape, tensor == nil ? UnsafePointer(pointer(value)) : nil, tensor
            )
          },
          outputs: step.outputs.map { (plan.graph.type(of: $0).shape.count, pointer($0)) }))
    }
  }
}
