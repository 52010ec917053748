// Reshape.swift: the same elements under another shape; flattening is one.

/// Gives the elements another shape of the same count. No data moves.
public struct Reshape: GraphOperation {
  public static let name = "reshape"
  /// The new shape.
  public var shape: Shape

  /// Creates a reshape.
  public init(_ shape: Shape) { self.shape = shape }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    guard shape.checkedCount == inputs[0].shape.checkedCount else {
      throw OperationError("cannot reshape \(inputs[0].shape) to \(shape)")
    }
    return [TensorType(shape, inputs[0].scalarType)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] { [HostTensor(shape, inputs[0].values)] }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(Reshape(context.inputType(0).shape), dy)]
  }

  public func rebatched(from batch: Int, to newBatch: Int) -> Self {
    guard shape.rank >= 1, batch >= 1, shape[0] % batch == 0 else { return self }
    let (first, overflow) = (shape[0] / batch).multipliedReportingOverflow(by: newBatch)
    return overflow ? self : Self(Shape([first] + shape.dimensions.dropFirst()))
  }

  public func cost(_ inputs: [TensorType]) -> Cost { Cost() }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    [Sample(Self([2, 24]), [HostTensor([2, 3, 2, 4], uniform: -1...1, using: &generator)])]
  }
}
