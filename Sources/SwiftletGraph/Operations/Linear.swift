// Linear.swift: the fully connected layer.

/// y = x · w + b, for x `[N, I]`, w `[I, O]`, and a bias `[O]` where there is a third input.
public struct Linear: GraphOperation {
  public static let name = "linear"

  /// Creates a linear layer; its sizes are those of its weight.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 2...3)
    let type = try expectFloats(inputs)
    let (x, w) = (inputs[0].shape, inputs[1].shape)
    guard x.rank == 2, w.rank == 2, x[1] == w[0] else {
      throw OperationError("input \(x) does not fit weight \(w)")
    }
    if inputs.count == 3 { try inputs[2].expect([w[1]], "bias") }
    return [TensorType([x[0], w[1]], type)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let (x, w) = (inputs[0], inputs[1])
    let (rows, depth, columns) = (x.shape[0], x.shape[1], w.shape[1])
    var y = HostTensor([rows, columns], rows: inputs.count == 3 ? inputs[2] : nil)
    withPointers(x, w, &y) { x, w, y in
      for n in 0..<rows {
        for i in 0..<depth {
          addScaled(x[n * depth + i], w + i * columns, to: y + n * columns, count: columns)
        }
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let dx = try context.emit(LinearInputGradient(), dy, context.inputs[1])
    let dw = try context.emit(LinearWeightGradient(), context.inputs[0], dy)
    return context.inputs.count == 3 ? [dx, dw, try context.emit(SumToChannels(), dy)] : [dx, dw]
  }

  public func cost(_ inputs: [TensorType]) -> Cost {
    Cost(multiplyAdds: inputs[0].shape.count * inputs[1].shape[-1])
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [true, false].map { bias in
      let inputs = [
        HostTensor([3, 5], uniform: -1...1, using: &generator),
        HostTensor([5, 4], uniform: -1...1, using: &generator),
        HostTensor([4], uniform: -1...1, using: &generator),
      ]
      return Sample(Linear(), bias ? inputs : Array(inputs.prefix(2)))
    }
  }
}
