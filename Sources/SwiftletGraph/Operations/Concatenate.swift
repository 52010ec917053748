// Concatenate.swift: joins feature maps along their channels.

/// `[…, C₁]`, `[…, C₂]`, … → `[…, C₁ + C₂ + …]`.
public struct Concatenate: GraphOperation {
  public static let name = "concatenate"

  /// Creates a concatenation of any number of inputs.
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    guard let first = inputs.first?.shape, first.rank >= 1 else {
      throw OperationError("needs at least one input that has channels")
    }
    let outer = first.dimensions.dropLast()
    for input in inputs where input.shape.dimensions.dropLast() != outer || input.shape.rank != first.rank {
      throw OperationError("cannot join \(input.shape) to \(first)")
    }
    let type = try expectOneType(inputs)
    return [TensorType(Shape(outer + [inputs.reduce(0) { $0 + $1.shape[-1] }]), type)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let rows = inputs[0].values.count / max(inputs[0].channels, 1)
    var values: [Double] = []
    for row in 0..<rows {
      for input in inputs { values += input.values[(row * input.channels)..<((row + 1) * input.channels)] }
    }
    let channels = inputs.reduce(0) { $0 + $1.channels }
    return [HostTensor(Shape(inputs[0].shape.dimensions.dropLast() + [channels]), values)]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    var start = 0
    var gradients: [Value?] = []
    for index in context.inputs.indices {
      let channels = context.inputType(index).shape[-1]
      gradients.append(try context.emit(SliceChannels(start: start, count: channels), dy))
      start += channels
    }
    return gradients
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let cases: [[Shape]] = [[[2, 3, 2, 4], [2, 3, 2, 1], [2, 3, 2, 3]], [[3, 5], [3, 2]]]
    return cases.map { shapes in
      Sample(Self(), shapes.map { HostTensor($0, uniform: -1...1, using: &generator) })
    }
  }
}
