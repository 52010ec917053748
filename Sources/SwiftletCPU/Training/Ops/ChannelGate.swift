// ChannelGate.swift: gates of squeeze-and-excitation: one factor for each channel of an image.

import CKernels
import SwiftletGraph

/// Gates and their gradients.
enum ChannelGateLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case is ChannelScale:
      let gate = try lowering.stored(node.inputs[1])
      lowering.prologues[node.outputs[0]] = try lowering.ungated(node.inputs[0]).gated(gate)
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
  /// A value that a gate can be put on. A gate of a gradient is of what comes in, before any derivative.
  mutating func ungated(_ value: Value) throws -> Prologue {
    let prologue = try prologue(value)
    let isFree =
      prologue.gate == nil && (!prologue.isGradient || (prologue.incoming != nil && prologue.offset == nil))
    return isFree ? prologue : try plain(value)
  }
}
