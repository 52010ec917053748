// SumToChannels.swift: the gradient of a bias.

/// db `[C]` = Σ of dy `[…, C]` over all but the innermost dimension.
package struct SumToChannels: GraphOperation {
  package static let name = "sumToChannels"

  package func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    guard inputs[0].shape.rank >= 1 else { throw OperationError("a scalar has no channels") }
    return [TensorType([inputs[0].shape[-1]], type)]
  }

  package func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    var sum = HostTensor([inputs[0].channels])
    inputs[0].forEachChannel { index, channel in sum.values[channel] += inputs[0].values[index] }
    return [sum]
  }

  package func cost(_ inputs: [TensorType]) -> Cost { Cost(elementwise: inputs[0].shape.count) }

  package static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(Self(), [HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator)]),
      Sample(Self(), [HostTensor([3, 5], uniform: -1...1, using: &generator)]),
    ]
  }
}
