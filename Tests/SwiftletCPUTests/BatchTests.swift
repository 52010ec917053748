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
    let parameters = try Parameters(initialising: architecture.graph(), seed: 3)
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
    let parameters = try Parameters(initialising: architecture.graph(), seed: 3)
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
}
