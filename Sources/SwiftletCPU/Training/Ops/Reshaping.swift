// Reshaping.swift: another shape for the same floats.

import SwiftletGraph

/// Reshapes: nothing is copied.
enum ReshapingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is Reshape else { return false }
    lowering.define(node.outputs[0], as: try lowering.stored(node.inputs[0]))
    return true
  }
}
