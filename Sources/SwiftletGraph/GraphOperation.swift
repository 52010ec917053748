// GraphOperation.swift: the protocol of operations. Each is one struct in one file under Operations/.

/// One coarse step of a network: its shapes, its meaning, its gradient and its cost.
///
/// To add one, write a struct in `Operations/` and name it in `Catalogue`; its tests are generated from
/// ``samples(using:)``. The stored properties are its attributes, which dumps print and files hold.
public protocol GraphOperation: Sendable, Hashable, Codable {
  /// The name in dumps and files: `convolution`.
  static var name: String { get }

  /// The types of the outputs.
  ///
  /// - Throws: ``OperationError`` with both shapes where the inputs do not fit.
  func infer(_ inputs: [TensorType]) throws -> [TensorType]

  /// The meaning of the operation: naive, complete, in Double. The oracle of every other implementation.
  ///
  /// - Parameter inputs: inputs that ``infer(_:)`` accepts.
  func reference(_ inputs: [HostTensor]) -> [HostTensor]

  /// Emits the operations that compute the gradient of each input from those of the outputs.
  ///
  /// - Returns: a value for each input; `nil` where there is none to compute (statistics, counters).
  /// - Throws: ``GraphError/notDifferentiable(node:operation:)`` where the operation has no gradient.
  func gradient(_ context: inout GradientContext) throws -> [Value?]

  /// The work that one evaluation does.
  func cost(_ inputs: [TensorType]) -> Cost

  /// The same operation in a graph for another batch size. Only attributes that hold the batch change.
  ///
  /// - Parameters:
  ///   - batch: images for which the graph was built.
  ///   - newBatch: images for which it is built again.
  func rebatched(from batch: Int, to newBatch: Int) -> Self

  /// Small cases that together try every attribute; the conformance suite runs each of them.
  static func samples(using generator: inout SeededGenerator) -> [Sample]
}

extension GraphOperation {
  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    throw GraphError.notDifferentiable(node: context.label, operation: Self.name)
  }

  public func rebatched(from batch: Int, to newBatch: Int) -> Self { self }

  public func cost(_ inputs: [TensorType]) -> Cost {
    let outputs = (try? infer(inputs)) ?? []
    return Cost(elementwise: outputs.reduce(0) { $0 + $1.shape.count })
  }
}

/// Why an operation refuses its inputs. The graph adds the node's label.
public struct OperationError: Error, Equatable, CustomStringConvertible {
  public let description: String

  /// Creates an error from its one-line reason, which names both shapes where two disagree.
  public init(_ reason: String) { description = reason }
}

/// The work of an operation, a block or a network, for the batch it was built for.
public struct Cost: Hashable, Sendable, Codable {
  /// Multiply-adds of convolutions and linear layers: the MobileNet papers' "MAdds".
  public var multiplyAdds: Int
  /// Results computed one element at a time: activations, sums, gates, pooling, normalization.
  public var elementwise: Int
  /// Trainable parameters read (filled in by ``Graph/cost(of:)``).
  public var parameters = 0
  /// Bytes of inputs, parameters and outputs (filled in by ``Graph/cost(of:)``).
  public var bytesMoved = 0

  /// Creates a cost.
  public init(multiplyAdds: Int = 0, elementwise: Int = 0) {
    self.multiplyAdds = multiplyAdds
    self.elementwise = elementwise
  }

  /// The work of both.
  public static func + (a: Cost, b: Cost) -> Cost {
    var sum = Cost(
      multiplyAdds: a.multiplyAdds + b.multiplyAdds, elementwise: a.elementwise + b.elementwise)
    sum.parameters = a.parameters + b.parameters
    sum.bytesMoved = a.bytesMoved + b.bytesMoved
    return sum
  }
}

/// A case of an operation for the conformance suite: attributes and inputs.
public struct Sample: Sendable {
  /// The operation with its attributes.
  public let operation: any GraphOperation
  /// Inputs at which it is differentiable, away from kinks.
  public let inputs: [HostTensor]

  /// Creates a sample.
  public init(_ operation: any GraphOperation, _ inputs: [HostTensor]) {
    self.operation = operation
    self.inputs = inputs
  }
}

extension TensorType {
  /// The shape, if it is that of a feature map.
  ///
  /// - Throws: ``OperationError`` where it is not `[N, H, W, C]` with positive sizes.
  func featureMap() throws -> Shape {
    guard shape.rank == 4, let count = shape.checkedCount, (1...Graph.mostElements).contains(count) else {
      throw OperationError("expected a feature map [N, H, W, C], got \(shape)")
    }
    return shape
  }

  /// Throws unless the shape is `expected`.
  func expect(_ expected: Shape, _ what: String) throws {
    guard shape == expected else { throw OperationError("\(what) must be \(expected), got \(shape)") }
  }

  /// Throws unless this is the number of a training step: one 64-bit integer.
  func expectStep() throws {
    try expect([], "the step's number")
    guard scalarType == .int64 else {
      throw OperationError("the step's number must be i64, got \(scalarType.shortName)")
    }
  }
}

/// Throws unless all inputs have one element type, and it is a floating-point one.
///
/// - Returns: that type; it is the type of the results too.
@discardableResult
func expectFloats(_ inputs: [TensorType]) throws -> ScalarType {
  guard let type = inputs.first?.scalarType else { throw OperationError("takes at least 1 input, got 0") }
  guard type.isFloatingPoint else {
    throw OperationError("computes with floating-point numbers, got \(type.shortName)")
  }
  return try expectOneType(inputs)
}

/// Throws unless all inputs have one element type, which is returned.
@discardableResult
func expectOneType(_ inputs: [TensorType]) throws -> ScalarType {
  guard let type = inputs.first?.scalarType else { throw OperationError("takes at least 1 input, got 0") }
  for input in inputs where input.scalarType != type {
    throw OperationError(
      "inputs must have one element type, got \(type.shortName) and \(input.scalarType.shortName)")
  }
  return type
}

/// Throws unless there are as many inputs as the operation takes.
func expectCount(_ inputs: [TensorType], _ allowed: ClosedRange<Int>) throws {
  guard allowed.contains(inputs.count) else {
    let wanted =
      allowed.count == 1 ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
    throw OperationError("takes \(wanted) inputs, got \(inputs.count)")
  }
}
