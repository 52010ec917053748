// SliceChannels.swift: some neighboring channels of a tensor.

/// `[…, C]` → `[…, count]`: the channels from `start` on.
public struct SliceChannels: GraphOperation {
  public static let name = "sliceChannels"
  /// The first channel taken, and how many.
  public var start: Int, count: Int

  /// Creates a slice.
  public init(start: Int, count: Int) {
    self.start = start
    self.count = count
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let shape = inputs[0].shape
    guard shape.rank >= 1, start >= 0, count >= 1, start <= shape[-1] - count else {
      throw OperationError("\(count) channels from \(start) on are not in \(shape)")
    }
    return [TensorType(Shape(shape.dimensions.dropLast() + [count]), inputs[0].scalarType)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    var values: [Double] = []
    for row in 0..<(x.values.count / x.channels) {
      values += x.values[(row * x.channels + start)..<(row * x.channels + start + count)]
    }
    return [HostTensor(Shape(x.shape.dimensions.dropLast() + [count]), values)]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    let after = context.inputType(0).shape[-1] - start - count
    return [try context.emit(PadChannels(before: start, after: after), dy)]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(Self(start: 1, count: 2), [HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator)]),
      Sample(Self(start: 0, count: 5), [HostTensor([3, 5], uniform: -1...1, using: &generator)]),
    ]
  }
}
