// ElementwiseActivation.swift: activations and their derivatives: computed where they are read.

import CKernels
import SwiftletGraph

/// Elementwise non-linearities and their gradients.
enum ElementwiseActivationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case let operation as Activation:
      var prologue = try lowering.prologue(node.inputs[0])
      if !prologue.isAffine { prologue = try lowering.plain(node.inputs[0]) }
      prologue.activation = operation.function
      lowering.prologues[node.outputs[0]] = prologue
    case let operation as ActivationGradient:
      let x = try lowering.prologue(node.inputs[0])
      let mask = x.isAffine ? x : try lowering.plain(node.inputs[0])
      var result =
        try lowering.prologue(node.inputs[1]).incoming
        ?? Prologue(gradient: try lowering.plain(node.inputs[1]))
      (result.y, result.scale, result.shift) = (mask.y, mask.scale, mask.shift)
      result.activation = operation.function
      lowering.prologues[node.outputs[0]] = result
    default: return false
    }
    return true
  }
}
