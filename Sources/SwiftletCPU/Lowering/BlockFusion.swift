// BlockFusion.swift: an inverted residual, or a depthwise separable pair, as one step in row strips.
//
// Where feature maps are large, the expanded tensor does not fit in L2: at 112×112×96 it is 4.8 MB. A strip of a few rows does,
// and then never exists as a whole. Below 56×56 tensors sit in L2 anyway and operations one at a time are as fast.

import SwiftletGraph

/// One pointwise convolution of a fused block.
struct PointwisePart: Sendable {
  var depth: Int, columns: Int
  var weights: BlobOffset
  var epilogue: Epilogue
}

/// Expansion (if any), depthwise convolution and projection, strip by strip.
struct BlockStep: Sendable {
  var expand: PointwisePart?
  var window: Window
  var depthwiseWeights: BlobOffset
  var depthwiseEpilogue: Epilogue
  var project: PointwisePart
  /// `[N, H, W, C]` of the depthwise convolution's input and output.
  var expanded: Shape, filtered: Shape
  /// Output rows of a strip.
  var rows: Int

  /// Rows of the expanded tensor that scratch has room for: those of three strips, so that rows which two strips have in common
  /// are seldom moved.
  var expandedRows: Int {
    let overlap = max(window.kernel - window.stride, 0)
    return min(3 * rows * window.stride + overlap, max(expanded[1], window.kernel))
  }

  /// Floats of scratch that one part needs: rows of the expanded tensor, and a strip of the depthwise result.
  var scratch: (expanded: Int, filtered: Int) {
    let strip = expand == nil ? 0 : expandedRows * expanded[2] * expanded[3]
    return ((strip + 15) / 16 * 16, (rows * filtered[2] * filtered[3] + 15) / 16 * 16)
  }
}

/// Fuses the blocks for which it pays.
enum BlockFusion {
  /// Bytes of the tensor between the layers (of all images) from which on a block is fused: what L2 cannot hold beside the rest.
  static let leastBytes = 768 << 10
  /// Bytes of weights up to which it pays: every strip reads them again, from L2.
  static let mostWeightBytes = 768 << 10
  /// Bytes of a strip of it: a good part of L1 and L2.
  static let stripBytes = 320 << 10

  /// The steps with blocks in place of their layers.
  ///
  /// - Parameters:
  ///   - steps: as lowered, one layer each.
  ///   - kept: values that must exist as a whole.
  ///   - backend: which blocks, and what was measured of them.
  ///   - shape: of a value, as the steps see it.
  static func apply(
    _ steps: [Step], kept: Set<Value>, _ backend: CPUBackend, shape: (Value) -> Shape
  ) -> [Step] {
    if backend.fusion == .never { return steps }
    var readers: [Value: Int] = [:]
    for step in steps {
      for value in step.reads { readers[value, default: 0] += 1 }
    }
    func isPrivate(_ value: Value) -> Bool { readers[value] == 1 && !kept.contains(value) }
    var result: [Step] = []
    var index = 0
    while index < steps.count {
      if let (block, count) = block(steps[index...], backend, isPrivate, shape) {
        result.append(block)
        index += count
      } else {
        result.append(steps[index])
        index += 1
      }
    }
    return result
  }

  /// The block that begins here, and how many steps it replaces.
  private static func block(
    _ steps: ArraySlice<Step>, _ backend: CPUBackend, _ isPrivate: (Value) -> Bool, _ shape: (Value) -> Shape
  ) -> (Step, Int)? {
    var layers = steps[...]
    guard let first = layers.first else { return nil }
    var labels: [String] = []
    var expand: PointwisePart?
    if let part = pointwise(first), shape(first.outputs[0]).rank == 4 {
      guard part.epilogue.residual == nil, isPrivate(first.outputs[0]), layers.count >= 3 else { return nil }
      expand = part
      labels += first.labels
      layers.removeFirst()
    }
    guard layers.count >= 2, let middle = layers.first, let last = layers.dropFirst().first,
      case .depthwise(let window, let weights, let epilogue) = middle.kind, epilogue.residual == nil,
      expand == nil || middle.inputs[0] == first.outputs[0], isPrivate(middle.outputs[0]),
      let project = pointwise(last), last.inputs[0] == middle.outputs[0]
    else { return nil }
    let expanded = shape(middle.inputs[0])
    let filtered = shape(middle.outputs[0])
    var step = BlockStep(
      expand: expand, window: window, depthwiseWeights: weights, depthwiseEpilogue: epilogue,
      project: project,
      expanded: expanded, filtered: filtered, rows: 1)
    guard pays(step, backend) else { return nil }
    while step.rows < filtered[1] {
      var taller = step
      taller.rows += 1
      if 4 * (taller.scratch.expanded + taller.scratch.filtered) > stripBytes { break }
      step = taller
    }
    return (
      Step(
        labels: labels + middle.labels + last.labels, kind: .block(step), inputs: [first.inputs[0]],
        outputs: last.outputs), expand == nil ? 2 : 3
    )
  }

  /// Whether a block is fused: as was measured, else where the tensor between does not fit in L2 and the weights do.
  private static func pays(_ step: BlockStep, _ backend: CPUBackend) -> Bool {
    if backend.fusion == .always { return true }
    if let choice = backend.selection.choice(step, backend.instructionSet) { return choice }
    let largest = max(step.expand == nil ? 0 : step.expanded.count, step.filtered.count)
    let matrices =
      (step.expand.map { $0.depth * $0.columns } ?? 0) + step.project.depth * step.project.columns
    return 4 * largest >= leastBytes && 4 * matrices <= mostWeightBytes
  }

  private static func pointwise(_ step: Step) -> PointwisePart? {
    guard case .gemm(_, let depth, let columns, let weights, let epilogue) = step.kind else { return nil }
    return PointwisePart(depth: depth, columns: columns, weights: weights, epilogue: epilogue)
  }
}
