// FastPathTests.swift: the list of fast paths, and the ones that whole networks of the zoo do not reach.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletGraph
import TestSupport
import Testing

@Suite struct FastPathTests {
  @Test func theListIsTheFolder() throws {
    let folder = Files.root.appending(path: "Sources/SwiftletCPU/Steps")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".swift")
    }
    let listed = FastPaths.names.map { "\($0).swift" }
    #expect(Set(files) == Set(listed + ["ReferenceStep.swift"]))
    #expect(Set(listed).count == listed.count)
  }

  /// A graph of one random input, its plans on every instruction set and number of threads, and its definition.
  private func check(
    _ graph: Graph, _ parameters: Parameters, kinds: Set<String>, fusion: CPUBackend.Use = .whereItPays
  ) throws {
    var generator = SeededGenerator(seed: 6, stream: graph.name)
    let shape = graph.type(of: graph.inputs[0].value).shape
    let image = try HostTensor(shape, uniform: -1...1, using: &generator).tensor()
    let expected = try ReferencePlan(graph, parameters: parameters).run([HostTensor(image)])
    for set in InstructionSet.allCases.filter(\.isAvailable) {
      for threads in [1, 2, 3] {
        var backend = CPUBackend(threads: threads, instructionSet: set)
        backend.fusion = fusion
        let plan = try backend.plan(graph, parameters: parameters)
        try plan.verify()
        #expect(Set(plan.stepNames.map(\.kind)) == kinds, "\(graph.name)")
        var session = plan.makeCPUSession()
        for _ in 0..<2 {
          for (result, reference) in zip(try session.run([image]), expected) {
            let worst = disagreement(result.doubles(), reference.values, relativeToScale: 1e-5)
            #expect(worst == nil, "\(graph.name), \(set), \(threads): \(worst.map { "\($0)" } ?? "")")
          }
        }
      }
    }
  }

  /// Maps flatter than the kernel: no output pixel has all taps inside, or only those of some columns.
  @Test(arguments: [(1, 20), (2, 40), (2, 3), (1, 1), (3, 17), (40, 2), (20, 1)], [1, 2])
  func flatMaps(size: (height: Int, width: Int), stride: Int) throws {
    for kernel in [3, 5] {
      for dialect in [Dialect.tensorflow, .torchvision] {
        let row = Row.conv(16, kernel: kernel, stride: stride)
        let graph = try row.block.graph(
          input: [1, size.height, size.width, 8], conventions: Conventions(dialect))
        let (folded, weights) = try graph.applying(
          [FoldBatchNorm()], to: Parameters(initializing: graph, seed: 4))
        var backend = CPUBackend()
        backend.winograd = .never
        #expect(try backend.plan(folded, parameters: weights).stepNames.map(\.kind) == ["convolution"])
        let image = try HostTensor([1, size.height, size.width, 8], repeating: 0.5).tensor()
        let expected = try ReferencePlan(folded, parameters: weights).run([HostTensor(image)])[0]
        for set in InstructionSet.allCases.filter(\.isAvailable) {
          backend.instructionSet = set
          var session = try backend.plan(folded, parameters: weights).makeCPUSession()
          let worst = disagreement(
            try session.run([image])[0].doubles(), expected.values, relativeToScale: 1e-5)
          #expect(worst == nil, "\(size), \(kernel), \(set): \(worst.map { "\($0)" } ?? "")")
        }
      }
    }
  }

  /// Channels joined, sliced and padded, between layers, with norms and activations; one image and several.
  @Test(arguments: [1, 2, 3, 8])
  func channelsAreCopied(batch: Int) throws {
    var builder = GraphBuilder(name: "channels \(batch)")
    let x = builder.input("image", TensorType([batch, 5, 4, 6]))
    let weight = try builder.parameter("weight", .convolution, [1, 1, 6, 7])
    let y = try builder.apply(Convolution(window: Window(kernel: 1)), x, weight, label: "conv")
    let z = try builder.apply(Activation(.relu), y, label: "relu")
    let joined = try builder.emit(Concatenate(), [x, z, x], label: "joined")[0]
    let sliced = try builder.apply(SliceChannels(start: 4, count: 9), joined, label: "sliced")
    let padded = try builder.apply(PadChannels(before: 3, after: 0), sliced, label: "padded")
    let both = try builder.apply(PadChannels(before: 0, after: 2), padded, label: "both")
    builder.output("pooled", try builder.apply(AdaptiveAveragePool(size: 3), both, label: "pool"))
    builder.output("mean", try builder.apply(GlobalAveragePool(), both, label: "mean"))
    let graph = try builder.finish()
    try check(
      graph, Parameters(initializing: graph, seed: 2),
      kinds: ["gemm", "concatenate", "sliceChannels", "padChannels", "adaptivePool", "globalPool"])
  }

  /// A norm after a sum, which no layer can take, with an activation after it; and probabilities.
  @Test(arguments: [1, 4])
  func normsThatStay(batch: Int) throws {
    var builder = GraphBuilder(name: "norm \(batch)")
    let x = builder.input("image", TensorType([batch, 4, 5, 9]))
    let sum = try builder.apply(Add(), x, x, label: "sum")
    var operands = [sum]
    for (name, role) in [
      ("scale", ParameterRole.normScale), ("offset", .normOffset), ("mean", .normMean),
      ("variance", .normVariance),
    ] { operands.append(try builder.parameter(name, role, [9])) }
    let y = try builder.emit(BatchNorm(epsilon: 1e-3), operands, label: "norm")[0]
    let z = try builder.apply(Activation(.hardSwish), y, label: "activation")
    builder.output("map", z)
    let mean = try builder.apply(GlobalAveragePool(), z, label: "pool")
    builder.output("probabilities", try builder.apply(Softmax(), mean, label: "softmax"))
    let graph = try builder.finish()
    var generator = SeededGenerator(seed: 9)
    var parameters = Parameters()
    for spec in graph.parameters {
      parameters[spec.name] = try HostTensor(spec.shape, uniform: 0.5...1.5, using: &generator).tensor()
    }
    try check(graph, parameters, kinds: ["add", "depthwise", "globalPool", "softmax"])
  }

  /// Values that are not floats: whole numbers go through a definition, and come back as whole numbers.
  @Test func scalarTypesAreKept() throws {
    var builder = GraphBuilder(name: "types")
    let numbers = builder.input("numbers", TensorType([2, 3], .int64))
    let bytes = builder.input("bytes", TensorType([4], .uint8))
    builder.output("shaped", try builder.apply(Reshape([3, 2]), numbers, label: "shape"))
    builder.output("bytes", try builder.apply(Reshape([2, 2]), bytes, label: "bytes"))
    let graph = try builder.finish()
    let plan = try CPUBackend(threads: 2).plan(graph, parameters: Parameters())
    try plan.verify()
    #expect(plan.activationBytes < 1024)
    var session = plan.makeCPUSession()
    let inputs = [
      try Tensor(shape: [2, 3], integers: [1, -2, 3, 4, 5, 1 << 40]),
      try Tensor(shape: [4], bytes: [0, 1, 200, 255]),
    ]
    let outputs = try session.run(inputs)
    #expect(outputs.map(\.scalarType) == [.int64, .uint8] && outputs.map(\.shape) == [[3, 2], [2, 2]])
    #expect(outputs[0].doubles() == [1, -2, 3, 4, 5, 0x1p40] && outputs[1].doubles() == [0, 1, 200, 255])
    // Other types are refused: a silent conversion would lose numbers.
    let floats = try Tensor(shape: [2, 3], floats: [1, 2, 3.6, -4, 5, 6])
    #expect(throws: GraphError.wrongInput(name: "numbers", expected: "i64[2,3]", got: "f32[2,3]")) {
      try session.run([floats, inputs[1]])
    }
  }

  @Test func tablesBeyondAnyNetworkAreRefused() throws {
    var builder = GraphBuilder(name: "huge")
    let x = builder.input("image", TensorType([1, 1024, 1024, 1]))
    let weight = try builder.parameter("weight", .convolution, [64, 64, 1, 1])
    let window = Window(kernel: 64, padding: Padding(32))
    builder.output("y", try builder.apply(Convolution(window: window), x, weight, label: "conv"))
    let graph = try builder.finish()
    let error = #expect(throws: PlanError.self) {
      try CPUBackend().plan(graph, parameters: Parameters(initializing: graph, seed: 1))
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("conv needs a table of"))
    var backend = CPUBackend()
    backend.mostActivationBytes = 1 << 20
    let network = try Zoo.architecture("mobilenet_v2").graph()
    let large = #expect(throws: PlanError.self) {
      try backend.inferencePlan(network, parameters: Parameters(initializing: network, seed: 1))
    }
    #expect("\(large.map { "\($0)" } ?? "")".contains("MB for activations; 1 MB are allowed"))
  }
}
