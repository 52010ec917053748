// ElementwiseActivation.swift: activations and their derivatives: computed where they are read.

import CKernels
import SwiftletGraph

/// Elementwise non-linearities and their gradients.
enum ElementwiseActivationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case let operation as Activation:
      let x = node.inputs[0]
      lowering.prologues[node.outputs[0]] =
        try lowering.prologue(x).activated(operation.function)
        ?? lowering.plain(x, activation: operation.function)
    case let operation as ActivationGradient:
      let (x, dy) = (node.inputs[0], node.inputs[1])
      let input = try lowering.prologue(x).affine ?? NormedTensor(y: lowering.stored(x))
      let incoming =
        try lowering.prologue(dy).incoming ?? .tensor(lowering.stored(dy), gate: nil, offset: nil)
      let mask = BackwardPrologue.Mask(input: input, activation: operation.function)
      lowering.prologues[node.outputs[0]] = lowering.prologue(
        .backward(BackwardPrologue(incoming: incoming, mask: mask)), like: x)
    default: return false
    }
    return true
  }
}
