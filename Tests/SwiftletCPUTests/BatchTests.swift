// BatchTests.swift: batches from 1 to 64 give each image the bits that it gets alone.

import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

@Suite struct BatchTests {
  @Test(arguments: ["mobilenet_v2", "mobilenet_v3_small", "se_resnet18"])
  func everyImageOfABatchIsComputedAsIfAlone(name: String) throws {
    let options = ZooOptions(width: name.hasPrefix("mobilenet") ? 0.35 : nil, resolution: 40, classes: 7)
    let architecture = try Zoo.architecture(name, options)
    let parameters = try Parameters(initializing: architecture.graph(), seed: 3)
    var generator = SeededGenerator(seed: 4)
    let pixels = 40 * 40 * 3
    let images = (0..<64 * pixels).map { _ in Float(generator.uniform(-2, 2)) }
    func logits(batch: Int, threads: Int, from first: Int) throws -> [Float] {
      let (graph, weights) = try architecture.graph(batch: batch).applying([FoldBatchNorm()], to: parameters)
      var session = try CPUBackend(threads: threads).plan(graph, parameters: weights).makeCPUSession()
      let part = Array(images[first * pixels..<(first + batch) * pixels])
      return try session.run([Tensor(shape: [batch, 40, 40, 3], floats: part)])[0].floats()
    }
    let (graph, weights) = try architecture.graph().applying([FoldBatchNorm()], to: parameters)
    var alone = try CPUBackend().plan(graph, parameters: weights).makeCPUSession()
    var expected: [Float] = []
    for image in 0..<64 {
      let part = Array(images[image * pixels..<(image + 1) * pixels])
      expected += try alone.run([Tensor(shape: [1, 40, 40, 3], floats: part)])[0].floats()
    }
    #expect(Set(expected).count > 64, "the logits do not depend on the images")
    for (batch, threads) in [(1, 2), (2, 1), (3, 2), (8, 3), (17, 2), (32, 1), (64, 3)] {
      let result = try logits(batch: batch, threads: threads, from: 64 - batch)
      #expect(result == Array(expected.suffix(batch * 7)), "batch \(batch), \(threads) threads")
    }
  }

  @Test func featureMapsOfABatchTakeTheMemoryOfOneImageForEachThread() throws {
    let architecture = try Zoo.architecture("mobilenet_v2")
    let parameters = try Parameters(initializing: architecture.graph(), seed: 3)
    func plan(batch: Int) throws -> CPUPlan {
      let (graph, weights) = try architecture.graph(batch: batch).applying([FoldBatchNorm()], to: parameters)
      return try CPUBackend(threads: 2).plan(graph, parameters: weights)
    }
    let images = 32 * 4 * (224 * 224 * 3 + 1280 + 1000)
    #expect(try plan(batch: 32).activationBytes < 2 * plan(batch: 1).activationBytes + images + 100_000)
    #expect(try plan(batch: 32).description.contains("images one at a time:"))
    // Three images for two threads: one of them would wait for the other.
    #expect(try !plan(batch: 3).description.contains("images one at a time:"))
  }

  /// Two heads, the first of which ends before the second one's last feature map, with its activation after that: nodes of the
  /// part that takes images one at a time and of the other part are interleaved.
  private static func twoHeads(_ seed: UInt64, batch: Int) throws -> (Graph, Parameters) {
    var generator = SeededGenerator(seed: seed, stream: "heads")
    var builder = GraphBuilder(name: "two heads \(seed)")
    func linear(_ x: Value, _ name: String, _ outputs: Int) throws -> Value {
      let weight = try builder.parameter("\(name).weight", .linear, [builder.type(of: x).shape[1], outputs])
      return try builder.apply(Linear(), x, weight, label: name)
    }
    func convolution(_ x: Value, _ name: String, _ channels: Int) throws -> Value {
      let inputs = builder.type(of: x).shape[3]
      let weight = try builder.parameter("\(name).weight", .convolution, [3, 3, inputs, channels])
      let window = Window(kernel: 3, stride: Int.random(in: 1...2, using: &generator), padding: Padding(1))
      return try builder.apply(Convolution(window: window), x, weight, label: name)
    }
    let x = builder.input("image", TensorType([batch, 9, 7, 3]))
    let trunk = try convolution(x, "trunk", 5)
    let first = try builder.apply(GlobalAveragePool(), trunk, label: "first.pool")
    let a = try linear(first, "first.linear", 6)
    // Before or after the second branch, fused into the first or left alone.
    let isEarly = Bool.random(using: &generator)
    var early = a
    if isEarly { early = try builder.apply(Activation(.relu), a, label: "first.activation") }
    let branch = try convolution(trunk, "branch", 4)
    let joined = try builder.emit(Concatenate(), [branch, branch], label: "joined")[0]
    let second = try builder.apply(GlobalAveragePool(), joined, label: "second.pool")
    if !isEarly { early = try builder.apply(Activation(.relu), a, label: "first.activation") }
    let b = try linear(second, "second.linear", 6)
    let sum = try builder.apply(Add(), b, early, label: "sum")
    builder.output("first", early)
    builder.output("second", Bool.random(using: &generator) ? sum : b)
    if Bool.random(using: &generator) { builder.output("map", joined) }
    let graph = try builder.finish()
    return (graph, try Parameters(initializing: graph, seed: seed))
  }

  @Test(arguments: UInt64(0)..<12)
  func everyHeadOfABatchIsItsDefinition(seed: UInt64) throws {
    for batch in [1, 2, 4, 5, 8] {
      let (graph, parameters) = try Self.twoHeads(seed, batch: batch)
      var generator = SeededGenerator(seed: seed, stream: "image")
      let image = try HostTensor([batch, 9, 7, 3], uniform: -1...1, using: &generator).tensor()
      let expected = try ReferencePlan(graph, parameters: parameters).run([HostTensor(image)])
      for threads in [1, 2, 3] {
        let plan = try CPUBackend(threads: threads).plan(graph, parameters: parameters)
        try plan.verify()
        var session = plan.makeCPUSession()
        for (result, reference) in zip(try session.run([image]), expected) {
          let worst = disagreement(result.doubles(), reference.values, relativeToScale: 1e-5)
          #expect(
            worst == nil, "seed \(seed), batch \(batch), \(threads) threads: \(worst.map { "\($0)" } ?? "")")
        }
      }
    }
  }
}
