// BatchNormStep.swift: a batch norm that no layer before it can take: a depthwise convolution with one tap.

import SwiftletCore
import SwiftletGraph

/// y = x · f + (offset − mean · f) with f = scale / √(variance + ε), for `[N, H, W, C]`.
enum BatchNormStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool { operation is BatchNorm }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    let constants = node.inputs.dropFirst().compactMap { lowering.weights($0)?.doubles() }
    guard let norm = node.operation as? BatchNorm, lowering.isComputed(node.inputs[0]),
      lowering.shape(node.inputs[0]).rank == 4, constants.count == 4
    else { return nil }
    let factors = zip(constants[0], constants[3]).map { $0 / ($1 + norm.epsilon).squareRoot() }
    let terms = factors.indices.map { Float(constants[1][$0] - constants[2][$0] * factors[$0]) }
    guard let weight = try? Tensor(shape: [1, 1, factors.count], floats: factors.map(Float.init)) else {
      return nil
    }
    let matrix = DepthwiseStep.pack(weight, kernel: 1, channels: factors.count, &lowering)
    var (epilogue, output, labels) = lowering.epilogue(of: node)
    epilogue.bias = lowering.blob.reserve(terms.count, of: Float.self) { destination in
      for (channel, term) in terms.enumerated() { destination[channel] = term }
    }
    return .step(
      DepthwiseStep(
        labels: labels, input: node.inputs[0], output: output, window: Window(kernel: 1), weights: matrix,
        epilogue: epilogue))
  }
}
