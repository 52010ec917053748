// ReshapeStep.swift: another shape of the same memory: no step at all.

import SwiftletGraph

/// Makes the result an alias of the input.
enum ReshapeStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is Reshape }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    lowering.isComputed(node.inputs[0]) ? .alias(of: node.inputs[0]) : nil
  }
}
