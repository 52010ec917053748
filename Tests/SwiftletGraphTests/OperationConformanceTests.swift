// OperationConformanceTests.swift: what every operation must satisfy, tried on its own samples.

import Foundation
import SwiftletGraph
import TestSupport
import Testing

@Suite struct OperationConformanceTests {
  static let samples: [(name: String, sample: Sample)] =
    Catalogue.all.flatMap { type in
      var generator = SeededGenerator(seed: 11, stream: type.name)
      return type.samples(using: &generator).enumerated().map { ("\(type.name)[\($0.offset)]", $0.element) }
    }

  static let differentiable = samples.filter { entry in
    Catalogue.forward.contains { $0.name == Swift.type(of: entry.sample.operation).name }
  }

  @Test func theCatalogueListsTheFolder() throws {
    let folder = Files.root.appending(path: "Sources/SwiftletGraph/Operations")
    let names = try #require(FileManager.default.enumerator(atPath: folder.path))
      .compactMap { ($0 as? String)?.split(separator: "/").last }
      .filter { $0.hasSuffix(".swift") }.map { $0.dropLast(6).lowercased() }
    let types = Catalogue.all
    #expect(Set(names) == Set(types.map { $0.name.lowercased() }))
    #expect(names.count == types.count)
    for type in types {
      #expect(Catalogue.operation(named: type.name) == type)
      #expect(Self.samples.contains { $0.name.hasPrefix(type.name + "[") }, "\(type.name) has no samples")
    }
  }

  @Test(arguments: samples.indices)
  func inferredTypesAreTheActualOnes(index: Int) throws {
    let (name, sample) = Self.samples[index]
    let inferred = try sample.operation.infer(sample.inputs.map(\.type))
    let actual = sample.operation.reference(sample.inputs)
    #expect(inferred.map(\.shape) == actual.map(\.shape), "\(name)")
    #expect(actual.allSatisfy { $0.values.allSatisfy(\.isFinite) }, "\(name)")
    #expect(!actual.isEmpty)
  }

  @Test(arguments: samples.indices)
  func attributesSurviveEncoding(index: Int) throws {
    let (name, sample) = Self.samples[index]
    func roundTrip<O: GraphOperation>(_ operation: O) throws -> Bool {
      try JSONDecoder().decode(O.self, from: JSONEncoder().encode(operation)) == operation
    }
    #expect(try roundTrip(sample.operation), "\(name)")
  }

  @Test(arguments: samples.indices)
  func wrongShapesAreRefused(index: Int) throws {
    let (name, sample) = Self.samples[index]
    let types = sample.inputs.map(\.type)
    #expect(throws: OperationError.self, "\(name) takes no input") { try sample.operation.infer([]) }
    // Any number of inputs may be joined, and of gradients scaled.
    if sample.operation is Concatenate || sample.operation is GradientScale { return }
    #expect(throws: OperationError.self, "\(name) takes too many") {
      try sample.operation.infer(types + types + types)
    }
  }

  /// Each dimension of each input one smaller and one larger, and each input with one dimension fewer and more: the operation
  /// refuses them, or its result is what it says.
  @Test(arguments: samples.indices)
  func everyOtherShapeIsRefusedOrConsistent(index: Int) throws {
    let (name, sample) = Self.samples[index]
    var refused = 0
    var generator = SeededGenerator(seed: 7, stream: name)
    for (position, input) in sample.inputs.enumerated() {
      let dimensions = input.shape.dimensions
      var shapes = dimensions.indices.flatMap { axis in
        [-1, 1].map { change in
          var changed = dimensions
          changed[axis] += change
          return changed
        }
      }
      shapes += [Array(dimensions.dropFirst()), [2] + dimensions, dimensions + [2]]
      for shape in shapes where shape.allSatisfy({ $0 > 0 }) && shape != dimensions {
        var inputs = sample.inputs
        inputs[position] = HostTensor(
          Shape(shape),
          HostTensor(Shape(shape), uniform: 0.5...1, using: &generator).values, input.scalarType)
        do {
          let inferred = try sample.operation.infer(inputs.map(\.type))
          let actual = sample.operation.reference(inputs)
          #expect(inferred.map(\.shape) == actual.map(\.shape), "\(name), input \(position): \(shape)")
        } catch is OperationError { refused += 1 }
      }
    }
    // An operation on any shape takes all of them, where it has a single input.
    let takesAll =
      sample.inputs.count == 1
      && (sample.operation is Activation || sample.operation is PadChannels || sample.operation is Softmax
        || sample.operation is SliceChannels || sample.operation is SumToChannels
        || sample.operation is GradientScale)
    let scales = sample.operation is GradientScale
    #expect(refused > 0 || takesAll || scales, "\(name) refuses no shape")
  }

  /// Other element types in one input, and in all: never a silent change of the result's type.
  @Test(arguments: samples.indices)
  func everyOtherElementTypeIsRefusedOrKept(index: Int) throws {
    let (name, sample) = Self.samples[index]
    let operation = sample.operation
    let types = sample.inputs.map(\.type)
    let moves =
      operation is Reshape || operation is PadChannels || operation is SliceChannels
      || operation is Concatenate
    for scalarType in ScalarType.allCases {
      // Counters of steps keep their type.
      let all = types.map { $0.scalarType == .int64 ? $0 : TensorType($0.shape, scalarType) }
      if scalarType.isFloatingPoint || moves {
        let results = try operation.infer(all)
        #expect(results.allSatisfy { $0.scalarType == scalarType }, "\(name) of \(scalarType)")
      } else {
        #expect(throws: OperationError.self, "\(name) of \(scalarType)") { try operation.infer(all) }
      }
      for position in types.indices where types.count > 1 && types[position].scalarType != scalarType {
        var mixed = types
        mixed[position] = TensorType(types[position].shape, scalarType)
        let onlyFloats = types.indices.filter { types[$0].scalarType == .float32 } == [position]
        if onlyFloats && scalarType.isFloatingPoint { continue }
        #expect(throws: OperationError.self, "\(name): input \(position) is \(scalarType)") {
          try operation.infer(mixed)
        }
      }
    }
  }

  /// Each input's gradient against (L(x + h) − L(x − h)) / 2h for L = Σ r·y, element by element, in Double.
  @Test(arguments: differentiable.indices)
  func gradientsAreCentralDifferences(index: Int) throws {
    let (name, sample) = Self.differentiable[index]
    var builder = GraphBuilder(name: name)
    let inputs = sample.inputs.enumerated().map { builder.input("x\($0.offset)", $0.element.type) }
    let outputs = try builder.emit(sample.operation, inputs, label: "node")
    builder.output("y", outputs[0])
    let graph = try builder.finish()
    let names = graph.inputs.map(\.name)
    let differentiated = try graph.differentiated(of: "y", inputs: names)
    let forward = try ReferencePlan(graph, parameters: Parameters())
    let backward = try ReferencePlan(differentiated, parameters: Parameters())

    var generator = SeededGenerator(seed: 5, stream: name)
    let seed = HostTensor(graph.type(of: outputs[0]).shape, uniform: -1...1, using: &generator)
    func loss(_ inputs: [HostTensor]) throws -> Double {
      zip(try forward.run(inputs)[0].values, seed.values).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let gradients = try backward.run(sample.inputs + [seed])
    let byName = Dictionary(uniqueKeysWithValues: zip(differentiated.outputs.map(\.name), gradients))
    var compared = 0
    for (position, inputName) in names.enumerated() {
      guard let gradient = byName["gradient.\(inputName)"] else { continue }
      let step = 1e-5
      let numeric = try sample.inputs[position].values.indices.map { element in
        var (up, down) = (sample.inputs, sample.inputs)
        up[position].values[element] += step
        down[position].values[element] -= step
        return (try loss(up) - loss(down)) / (2 * step)
      }
      let worst = disagreement(gradient.values, numeric, absolute: 1e-6, relative: 1e-6)
      #expect(worst == nil, "\(name), \(inputName): \(worst.map(String.init(describing:)) ?? "")")
      compared += 1
    }
    let constants =
      switch sample.operation {
      case is Dropout, is StochasticDepth, is SoftmaxCrossEntropy, is SigmoidCrossEntropy, is Distillation: 1
      case is BatchNorm, is BatchNormTraining: 2
      default: 0
      }
    #expect(compared == sample.inputs.count - constants, "\(name): gradients of \(compared) inputs")
  }

  @Test func aGradientOfAGradientIsRefused() throws {
    var builder = GraphBuilder(name: "second order")
    let x = builder.input("x", TensorType([2, 3]))
    builder.output("y", try builder.apply(Activation(.relu), x, label: "relu"))
    let once = try builder.finish().differentiated(inputs: ["x"])
    #expect(throws: GraphError.self) {
      try once.differentiated(of: "gradient.x", inputs: ["gradient.y", "x"])
    }
  }

  @Test func dropoutKeepsTheMeanAndDependsOnTheStep() {
    let x = HostTensor([100, 100], repeating: 1)
    let first = Dropout(rate: 0.3, seed: 1).reference([x, HostTensor([], [1])])[0]
    let second = Dropout(rate: 0.3, seed: 1).reference([x, HostTensor([], [2])])[0]
    #expect(first != second)
    #expect(abs(first.values.reduce(0, +) / 10_000 - 1) < 0.03)
    #expect(Set(first.values) == [0, 1 / 0.7])
  }

  @Test func depthwiseIsConvolutionInGroupsOfOne() throws {
    var generator = SeededGenerator(seed: 2)
    let window = Window(kernel: 3, stride: 2, padding: Padding(1))
    let x = HostTensor([2, 5, 5, 4], uniform: -1...1, using: &generator)
    let w = HostTensor([3, 3, 4], uniform: -1...1, using: &generator)
    let depthwise = DepthwiseConvolution(window: window).reference([x, w])[0]
    let grouped = Convolution(window: window, groups: 4).reference([x, HostTensor([3, 3, 1, 4], w.values)])[0]
    #expect(disagreement(depthwise.values, grouped.values, relative: 1e-15) == nil)
  }
}
