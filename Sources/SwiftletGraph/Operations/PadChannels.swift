// PadChannels.swift: zeros beside the channels: the parameter-free shortcut of the CIFAR ResNets
// (He et al. 2015, arXiv 1512.03385, section 4.2, option A).

/// `[…, C]` → `[…, before + C + after]`, with zeros in the new channels.
public struct PadChannels: GraphOperation {
  public static let name = "padChannels"
  /// Zeros before and after the channels.
  public var before: Int, after: Int

  /// Creates a padding of channels.
  public init(before: Int, after: Int) {
    self.before = before
    self.after = after
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let shape = inputs[0].shape
    let limit = 0...Graph.mostElements
    guard shape.rank >= 1, limit.contains(before), limit.contains(after) else {
      throw OperationError("cannot pad \(shape) with \(before) and \(after) channels")
    }
    return [
      TensorType(Shape(shape.dimensions.dropLast() + [before + shape[-1] + after]), inputs[0].scalarType)
    ]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    var values: [Double] = []
    for row in 0..<(x.values.count / x.channels) {
      values += [Double](repeating: 0, count: before)
      values += x.values[(row * x.channels)..<((row + 1) * x.channels)]
      values += [Double](repeating: 0, count: after)
    }
    return [HostTensor(Shape(x.shape.dimensions.dropLast() + [before + x.channels + after]), values)]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(SliceChannels(start: before, count: context.inputType(0).shape[-1]), dy)]
  }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [
      Sample(Self(before: 1, after: 2), [HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator)]),
      Sample(Self(before: 0, after: 3), [HostTensor([3, 5], uniform: -1...1, using: &generator)]),
    ]
  }
}
