// ElementwiseActivation.swift: activations and their derivatives: computed where they are read.

import CKernels
import SwiftletGraph

/// Elementwise non-linearities and their gradients.
enum ElementwiseActivationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case let operation as Activation:
      var view = try lowering.view(node.inputs[0])
      if !view.isAffine { view = try lowering.plain(node.inputs[0]) }
      view.activation = operation.function
      lowering.views[node.outputs[0]] = view
    case let operation as ActivationGradient:
      let x = try lowering.view(node.inputs[0])
      let mask = x.isAffine ? x : try lowering.plain(node.inputs[0])
      var result =
        try lowering.view(node.inputs[1]).incoming
        ?? TrainingView(gradient: try lowering.plain(node.inputs[1]))
      (result.y, result.scale, result.shift) = (mask.y, mask.scale, mask.shift)
      result.activation = operation.function
      lowering.views[node.outputs[0]] = result
    default: return false
    }
    return true
  }
}
