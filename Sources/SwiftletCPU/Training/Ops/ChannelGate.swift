// ChannelGate.swift: gates of squeeze-and-excitation: one factor for each channel of an image.

import CKernels
import SwiftletGraph

/// Gates and their gradients.
enum ChannelGateLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case is ChannelScale:
      let gate = try lowering.stored(node.inputs[1])
      lowering.prologues[node.outputs[0]] = try lowering.gated(node.inputs[0], by: gate)
    case is ChannelScaleGateGradient:
      let (x, dy) = (try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]))
      lowering.append(
        PooledOp(
          node.label, x, gradient: dy, lowering.define(node.outputs[0]), factor: 1,
          images: lowering.images(node.inputs[0])))
    default: return false
    }
    return true
  }
}

extension TrainingLowering {
  /// A value times a gate `[N, C]`.
  mutating func gated(_ value: Value, by gate: TrainingBuffer) throws -> Prologue {
    try prologue(value).gated(gate) ?? plain(value, gate: gate)
  }
}
