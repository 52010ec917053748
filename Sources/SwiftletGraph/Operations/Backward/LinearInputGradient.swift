// LinearInputGradient.swift: the data gradient of a linear layer.

/// dx = dy · wᵀ, for dy `[N, O]` and w `[I, O]`.
package struct LinearInputGradient: GraphOperation {
  package static let name = "linearInputGradient"

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...2)
    let type = try expectFloats(inputs)
    let (dy, w) = (inputs[0].shape, inputs[1].shape)
    guard dy.rank == 2, w.rank == 2, dy[1] == w[1] else {
      throw OperationError("the output's gradient \(dy) does not fit weight \(w)")
    }
    return [TensorType([dy[0], w[0]], type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (dy, w) = (inputs[0], inputs[1])
    let (rows, depth, columns) = (dy.shape[0], w.shape[0], w.shape[1])
    var dx = HostTensor([rows, depth])
    withPointers(dy, w, &dx) { dy, w, dx in
      for n in 0..<rows {
        for i in 0..<depth {
          dx[n * depth + i] = dot(dy + n * columns, w + i * columns, count: columns)
        }
      }
    }
    return [dx]
  }

  package func cost(_ inputs: [TensorType]) -> Cost {
    Cost(multiplyAdds: inputs[0].shape.count * inputs[1].shape[0])
  }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(
        Self(),
        [
          HostTensor([3, 4], uniform: -1...1, using: &generator),
          HostTensor([5, 4], uniform: -1...1, using: &generator),
        ])
    ]
  }
}
