// LinearWeightGradient.swift: the weight gradient of a linear layer.

/// dw = xᵀ · dy, for x `[N, I]` and dy `[N, O]`.
package struct LinearWeightGradient: GraphOperation {
  package static let name = "linearWeightGradient"

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let (x, dy) = (inputs[0].shape, inputs[1].shape)
    guard x.rank == 2, dy.rank == 2, x[0] == dy[0] else {
      throw OperationError("input \(x) and the output's gradient \(dy) differ in rows")
    }
    return [TensorType([x[1], dy[1]], type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, dy) = (inputs[0], inputs[1])
    let (rows, depth, columns) = (x.shape[0], x.shape[1], dy.shape[1])
    var dw = HostTensor([depth, columns])
    withPointers(x, dy, &dw) { x, dy, dw in
      for n in 0..<rows {
        for i in 0..<depth {
          addScaled(x[n * depth + i], dy + n * columns, to: dw + i * columns, count: columns)
        }
      }
    }
    return [dw]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Cost(multiplyAdds: inputs[0].shape.count * inputs[1].shape[1])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(
        Self(),
        [
          HostTensor([3, 5], uniform: -1...1, using: &generator),
          HostTensor([3, 4], uniform: -1...1, using: &generator),
        ])
    ]
  }
}
