// ElementTypeTests.swift: every value's element type is respected, by builders, files, parameters and runs.

import Foundation
import SwiftletGraph
import TestSupport
import Testing

@Suite struct ElementTypeTests {
  /// x + p, whose channels are then sliced, in one element type.
  private func graph(_ type: ScalarType) throws -> Graph {
    var builder = GraphBuilder(name: "typed")
    let x = builder.input("x", TensorType([3], type))
    let p = try builder.parameter("p", .bias, [3], scalarType: type)
    let sum = try builder.apply(Add(), x, p, label: "sum")
    builder.output("y", try builder.apply(SliceChannels(start: 0, count: 2), sum, label: "slice"))
    return try builder.finish()
  }

  @Test(arguments: [ScalarType.float64, .float32, .float16, .bfloat16])
  func floatsKeepTheirType(type: ScalarType) throws {
    let graph = try graph(type)
    #expect(graph.type(of: graph.outputs[0].value) == TensorType([2], type))
    #expect(graph.parameters[0].type == TensorType([3], type))
    let decoded = try JSONDecoder().decode(Graph.self, from: try JSONEncoder().encode(graph))
    #expect(decoded == graph)

    let parameters = try Parameters(initializing: graph, seed: 1)
    #expect(parameters["p"]?.scalarType == type)
    var session = try ReferenceBackend().compile(graph, parameters: parameters).makeSession()
    let x = try Tensor(shape: [3], scalarType: type, rounding: [0.1, 2, 3])
    let y = try session.run([x])[0]
    #expect(y.scalarType == type)
    #expect(y.doubles() == Array(x.doubles().prefix(2)))
    let other = try Tensor(shape: [3], scalarType: .int32, rounding: [0, 2, 3])
    #expect(throws: GraphError.wrongInput(name: "x", expected: "\(type.shortName)[3]", got: "i32[3]")) {
      try graph.check([other])
    }
  }

  @Test func integersAreRefusedWhereFloatsAreComputedWith() throws {
    #expect(
      throws: GraphError.invalidOperation(
        node: "sum", operation: "add", reason: "computes with floating-point numbers, got i32")
    ) { try graph(.int32) }
  }

  @Test func floatParametersMayBeStoredInAnyFloat() throws {
    let float = try graph(.float32).parameters[0]
    let half = try graph(.float16).parameters[0]
    let accepted = ScalarType.allCases.filter(float.accepts)
    #expect(accepted == [.float64, .float32, .float16, .bfloat16])
    #expect(ScalarType.allCases.filter(half.accepts) == [.float16])

    var parameters = Parameters()
    parameters["p"] = try Tensor(shape: [3], integers: [1, 2, 3])
    let graph = try graph(.float32)
    #expect {
      try parameters.check(against: graph)
    } throws: {
      "\($0)" == "the weights are not those of typed: p: needs f32, found i64"
    }
  }

  @Test func aDeclaredTypeMustBeTheParameters() throws {
    let graph = try graph(.float16)
    let json = try JSONEncoder().encode(graph)
    var object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    var parameters = try #require(object["parameters"] as? [[String: Any]])
    #expect(parameters[0]["scalarType"] as? String == "float16")
    // Without a type the parameter is f32, which its value is not.
    parameters[0]["scalarType"] = nil
    object["parameters"] = parameters
    let lying = try JSONSerialization.data(withJSONObject: object)
    #expect(throws: GraphError.wrongType(node: "p", stored: "f16[3]", inferred: "f32[3]")) {
      try JSONDecoder().decode(Graph.self, from: lying)
    }
  }

  /// A label that an operation was refused under is free for the next one.
  @Test func aRefusedOperationLeavesItsLabel() throws {
    var builder = GraphBuilder(name: "labels")
    let x = builder.input("x", TensorType([1, 2, 2, 3]))
    #expect(throws: GraphError.self) { try builder.apply(Reshape([7]), x, label: "node") }
    var y = try builder.apply(Activation(.relu), x, label: "node")
    y = try builder.apply(Activation(.relu), y, label: "node")
    y = try builder.apply(Activation(.relu), y, label: "node#3")
    _ = try builder.apply(Activation(.relu), y, label: "node")
    #expect(builder.graph.nodes.map(\.label) == ["node", "node#2", "node#3", "node#4"])
  }

  @Test func whatIsNotThereIsNamed() throws {
    let graph = try graph(.float32)
    #expect(throws: GraphError.unknownOutput("logits", graph: "typed")) { try graph.output("logits") }
    #expect(throws: GraphError.unknownOutput("z", graph: "typed")) { try graph.withOutputs(["y", "z"]) }
    #expect(throws: GraphError.unknownOutput("z", graph: "typed")) { try graph.differentiated(of: "z") }
    #expect("\(GraphError.unknownOutput("z", graph: "typed"))" == "typed has no output 'z'")
  }

  @Test(arguments: [[0, 3], [-1, -3], [1 << 21, 1 << 21], [Int.max, 2]])
  func shapesThatNoValueHasAreRefused(shape: [Int]) throws {
    var builder = GraphBuilder(name: "shape")
    builder.output("x", builder.input("x", TensorType(Shape(shape))))
    #expect(throws: GraphError.badShape(value: 0, shape: Shape(shape))) { try builder.finish() }
  }
}
