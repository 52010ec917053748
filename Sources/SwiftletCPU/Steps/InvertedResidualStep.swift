// InvertedResidualStep.swift: an inverted residual, or a depthwise separable pair, as one step in row strips.
//
// Where feature maps are large, the expanded tensor does not fit in L2: at 112×112×96 it is 4.8 MB. A strip of a few rows does,
// and then the tensor never exists as a whole. Smaller maps sit in L2 anyway, and layers one at a time are as fast.

import CKernels
import SwiftletGraph

/// Expansion (if any), depthwise convolution and projection, strip by strip.
struct InvertedResidualStep: PlanStep {
  let expand: PointwiseStep?
  let depthwise: DepthwiseStep
  let project: PointwiseStep
  /// `[N, H, W, C]` of the depthwise convolution's input and output.
  let expanded: Shape, filtered: Shape
  /// Output rows of a strip.
  var rows = 1

  var labels: [String] { (expand?.labels ?? []) + depthwise.labels + project.labels }
  var name: String { expand == nil ? "separable block" : "inverted residual" }
  var input: Value { expand?.input ?? depthwise.input }
  var reads: [Value] { [input] + [project.epilogue.residual].compactMap { $0 } }
  var writes: [Value] { [project.output] }

  /// The sizes that its speed depends on.
  var shape: StepShape {
    .block(
      height: expanded[1], width: expanded[2],
      channels: [expand?.depth, expanded[3], project.columns].compactMap { $0 },
      kernel: depthwise.window.kernel, stride: depthwise.window.stride)
  }

  /// Rows of the expanded tensor that scratch has room for: those of three strips, so that rows which two strips have in common
  /// are seldom moved.
  var expandedRows: Int {
    let window = depthwise.window
    let overlap = max(window.kernel - window.stride, 0)
    return min(3 * rows * window.stride + overlap, max(expanded[1], window.kernel))
  }

  /// Bytes of the strip of the expanded tensor, and of that of the depthwise result.
  var stripBytes: (expanded: Int, filtered: Int) {
    let strip = expand == nil ? 0 : expandedRows * expanded[2] * expanded[3]
    return (
      (4 * strip).rounded(upTo: MemoryPlanner.line),
      (4 * rows * filtered[2] * filtered[3]).rounded(upTo: MemoryPlanner.line)
    )
  }

  var scratchBytes: Int { stripBytes.expanded + stripBytes.filtered }

  func bind(_ memory: StepMemory) -> any BoundStep {
    var projectCall = project.call(memory)
    projectCall.c = memory.floats(project.output)
    return BoundInvertedResidual(
      self, expand: expand?.call(memory),
      depthwise: depthwise.call(memory, input: expanded, output: filtered),
      project: projectCall, input: UnsafePointer(memory.floats(input)), inputChannels: memory.shape(input)[3],
      images: memory.shape(input)[0], scratch: memory.scratch)
  }
}

extension InvertedResidualStep: StepFusion {
  static func fuse(
    _ steps: ArraySlice<any PlanStep>, isPrivate: (Value) -> Bool, _ lowering: Lowering
  ) -> (step: any PlanStep, count: Int)? {
    if lowering.backend.fusion == .never { return nil }
    var layers = steps
    var expand: PointwiseStep?
    if let first = layers.first as? PointwiseStep, lowering.shape(first.output).rank == 4 {
      guard first.epilogue.residual == nil, isPrivate(first.output) else { return nil }
      expand = first
      layers.removeFirst()
    }
    guard layers.count >= 2, let depthwise = layers.first as? DepthwiseStep,
      depthwise.epilogue.residual == nil, expand == nil || depthwise.input == expand?.output,
      isPrivate(depthwise.output), let project = layers.dropFirst().first as? PointwiseStep,
      project.input == depthwise.output
    else { return nil }
    var step = InvertedResidualStep(
      expand: expand, depthwise: depthwise, project: project, expanded: lowering.shape(depthwise.input),
      filtered: lowering.shape(depthwise.output))
    guard step.isFaster(lowering.backend) else { return nil }
    while step.rows < step.filtered[1] {
      var taller = step
      taller.rows += 1
      if taller.scratchBytes > lowering.backend.caches.stripBytes { break }
      step = taller
    }
    return (step, expand == nil ? 2 : 3)
  }

  /// Whether it is taken: as was measured, else where the tensor between does not fit in L2 and the weights do.
  private func isFaster(_ backend: CPUBackend) -> Bool {
    if backend.fusion == .always { return true }
    if let choice = backend.selection.choice(shape, backend.instructionSet) { return choice }
    let largest = max(expand == nil ? 0 : expanded.count, filtered.count)
    let matrices = (expand.map { $0.depth * $0.columns } ?? 0) + project.depth * project.columns
    return 4 * largest >= backend.caches.leastFusedBytes
      && 4 * matrices <= backend.caches.mostFusedWeightBytes
  }
}

/// The rows of the expanded tensor that scratch holds, and at which of its rows they begin. Rows that two strips share are reused
/// in place, and moved to the front only where scratch ends.
private struct HeldRows {
  var rows = 0..<0
  var start = 0
}

/// A fused block with its pointers.
private final class BoundInvertedResidual: BoundStep {
  /// The layers' calls; their row counts, inputs and outputs are set strip by strip.
  private let expand: sk_gemm?
  private let depthwise: sk_depthwise
  private let project: sk_gemm
  /// The block's input `[images, height, width, channels]`.
  private let input: UnsafePointer<Float>
  private let inputChannels: Int, images: Int
  /// Output rows of a strip, and rows of the expanded tensor that scratch has room for.
  private let rows: Int, expandedRows: Int
  /// The first worker's scratch: the expanded strip, then the depthwise result.
  private let scratch: UnsafeMutableRawPointer
  private let expandedBytes: Int, scratchBytes: Int

  init(
    _ step: InvertedResidualStep, expand: sk_gemm?, depthwise: sk_depthwise, project: sk_gemm,
    input: UnsafePointer<Float>, inputChannels: Int, images: Int, scratch: UnsafeMutableRawPointer
  ) {
    (self.expand, self.depthwise, self.project) = (expand, depthwise, project)
    (self.input, self.inputChannels, self.images) = (input, inputChannels, images)
    (rows, expandedRows) = (step.rows, step.expandedRows)
    (self.scratch, expandedBytes, scratchBytes) = (scratch, step.stripBytes.expanded, step.scratchBytes)
  }

  /// Does one worker's share of the output rows.
  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
    let outputHeight = depthwise.output_height
    let mine = Range.partition(images * outputHeight, of: worker, workers)
    let strip = scratch + worker * scratchBytes
    for image in 0..<images {
      var held = HeldRows()
      for outputRows in mine.inImage(image, each: outputHeight).tiles(of: rows) {
        run(image, outputRows, strip, &held, kernels)
      }
    }
  }

  private func run(
    _ image: Int, _ outputRows: Range<Int>, _ scratch: UnsafeMutableRawPointer, _ held: inout HeldRows,
    _ kernels: borrowing sk_kernels
  ) {
    let (height, width, channels) = (depthwise.height, depthwise.width, depthwise.channels)
    let top = outputRows.lowerBound * depthwise.stride - depthwise.pad_top
    let bottom = (outputRows.upperBound - 1) * depthwise.stride - depthwise.pad_top + depthwise.kernel
    let needed = max(top, 0)..<max(min(bottom, height), max(top, 0))
    let source = input + image * height * width * inputChannels
    let strip = scratch.assumingMemoryBound(to: Float.self)

    var filter = depthwise
    if var expand {
      let row = width * channels
      let kept = needed.clamped(to: held.rows)
      var start = kept.isEmpty ? 0 : held.start + kept.lowerBound - held.rows.lowerBound
      if start + needed.count > expandedRows {
        strip.update(from: strip + start * row, count: kept.count * row)
        start = 0
      }
      let fresh = (kept.isEmpty ? needed.lowerBound : kept.upperBound)..<needed.upperBound
      if !fresh.isEmpty {
        expand.a = source + fresh.lowerBound * width * inputChannels
        expand.c = strip + (start + fresh.lowerBound - needed.lowerBound) * row
        expand.rows = fresh.count * width
        kernels.gemm(&expand, 0, expand.rows, 0, expand.columns.tiles(of: kernels.gemm_panel))
      }
      held = HeldRows(rows: needed, start: start)
      filter.input = UnsafePointer(strip + start * row)
    } else {
      filter.input = source + needed.lowerBound * width * channels
    }
    let filtered = (scratch + expandedBytes).assumingMemoryBound(to: Float.self)
    filter.height = needed.count
    filter.pad_top = needed.lowerBound - top
    filter.output = filtered
    filter.output_height = outputRows.count
    kernels.depthwise(&filter, 0, outputRows.count, 0, channels.tiles(of: kernels.depthwise_block))

    var project = project
    let pixel = (image * depthwise.output_height + outputRows.lowerBound) * depthwise.output_width
    project.a = UnsafePointer(filtered)
    project.c += pixel * project.c_stride
    if project.epilogue.residual != nil {
      project.epilogue.residual += pixel * project.epilogue.residual_stride
    }
    project.rows = outputRows.count * depthwise.output_width
    kernels.gemm(&project, 0, project.rows, 0, project.columns.tiles(of: kernels.gemm_panel))
  }
}
