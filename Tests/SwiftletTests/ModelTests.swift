// ModelTests.swift: models as files, their recognition, and mutation of what they say about themselves.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct ModelTests {
  static func small(_ name: String = "mobilenet_v3_small") throws -> Model {
    let architecture = try Zoo.architecture(name, ZooOptions(width: 0.25, resolution: 32, classes: 7))
    return try Model(
      architecture, parameters: Parameters(initializing: architecture.graph(), seed: 9),
      labels: (0..<7).map { "thing \($0), \"quoted\" – ünïcode" })
  }

  @Test func aFileIsAWholeModel() throws {
    let model = try Self.small()
    try Files.withScratch { folder in
      let path = folder.appending(path: "model.safetensors").path
      try model.save(to: path)
      let read = try Model(contentsOf: path)
      #expect(read.architecture == model.architecture && read.labels == model.labels)
      #expect(read.preprocessing == model.preprocessing)
      #expect(read.parameters.names.sorted() == model.parameters.names.sorted())
      for (name, tensor) in model.parameters.all {
        #expect(read.parameters[name]?.floats() == tensor.floats(), "\(name)")
      }
      let image = try RGBImage(contentsOf: Files.root.appending(path: "Examples/photos/apples.jpg").path)
      #expect(try Classifier(read)(image).logits == Classifier(model)(image).logits)
      // The same weights for an architecture of one's own choice; and not for another.
      let architecture = try #require(model.architecture)
      #expect(try Model(architecture, weights: path).labels == model.labels)
      #expect(throws: ModelError.self) { try Model(.mobileNetV2(), weights: path) }
    }
  }

  @Test func topIsSortedAndTiesGoToTheLowerIndex() throws {
    let classifier = try Classifier(Self.small())
    let input = try Tensor(shape: [1, 32, 32, 3], floats: [Float](repeating: 0.25, count: 3072))
    let classification = try classifier.classify(input: input)
    let all = classification.top(100)
    #expect(all.count == 7 && abs(all.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
    #expect(all.map(\.probability) == all.map(\.probability).sorted(by: >))
    #expect(classification.top(0).isEmpty && classification.top(-1).isEmpty)
    #expect(throws: GraphError.self) { try classifier.classify(input: input.reshaped([1, 3, 32, 32])) }
  }

  @Test func weightsThatAreNotNumbersAreTold() throws {
    let model = try Self.small()
    var parameters = model.parameters
    parameters["classifier.bias"] = try Tensor(shape: [7], floats: [Float](repeating: .nan, count: 7))
    let broken = try Classifier(model.with(parameters))
    let input = try Tensor(shape: [1, 32, 32, 3], floats: [Float](repeating: 0.25, count: 3072))
    #expect(throws: ClassifierError.notANumber(network: "mobilenet_v3_small")) {
      try broken.classify(input: input)
    }
  }

  @Test func activationsBeyondReasonAreRefused() throws {
    let wide = Architecture(
      "wide", stem: .conv(20_000, kernel: 1), stages: [], head: .pooled, classes: 2, resolution: 4096)
    let model = try Model(wide, parameters: Parameters(initializing: wide.graph(), seed: 1))
    #expect(throws: PlanError.self) { try Classifier(model) }
  }

  /// Damaged JSON of an architecture is refused or describes another sound network; it never crashes.
  @Test func mutatedArchitecturesNeverCrash() throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    print("mutatedArchitecturesNeverCrash: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let names = ["mobilenet_v3_small", "se_resnet50", "cifar_se_resnet20", "vgg16", "senet154"]
    let texts = try names.map { Array(try JSONEncoder().encode(Zoo.architecture($0))) }
    let numbers = [
      "-1", "0", "1", "7", "4096", "9223372036854775807", "1e300", "null", "\"x\"", "[]", "{}", "true",
    ]
    let end = ContinuousClock.now + .seconds(3)
    var (tried, sound) = (0, 0)
    while ContinuousClock.now < end {
      var text = try #require(texts.randomElement(using: &generator))
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<text.count, using: &generator)
        if Bool.random(using: &generator),
          let start = text[position...].firstIndex(where: { (48...57).contains($0) })
        {
          let stop = text[start...].firstIndex { !(48...57).contains($0) } ?? text.endIndex
          text.replaceSubrange(
            start..<stop, with: Array(try #require(numbers.randomElement(using: &generator)).utf8))
        } else {
          text[position] = UInt8.random(in: 0...255, using: &generator)
        }
      }
      tried += 1
      guard let architecture = try? JSONDecoder().decode(Architecture.self, from: Data(text)),
        let graph = try? architecture.graph()
      else { continue }
      sound += graph.peakActivationBytes > 0 ? 1 : 0
    }
    #expect(tried > 100 && sound > 0)
  }

  @Test func mutatedGraphsNeverCrash() throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    print("mutatedGraphsNeverCrash: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let graph = try Zoo.architecture("cifar_se_resnet20").graph()
    let text = Array(try JSONEncoder().encode(graph))
    let end = ContinuousClock.now + .seconds(3)
    var tried = 0
    while ContinuousClock.now < end {
      var mutant = text
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<mutant.count, using: &generator)
        guard let start = mutant[position...].firstIndex(where: { (48...57).contains($0) }) else { continue }
        let digit =
          ["0", "9", "99999999", "-3", "9223372036854775807"].randomElement(using: &generator) ?? "0"
        mutant.replaceSubrange(start...start, with: Array(digit.utf8))
      }
      tried += 1
      guard let decoded = try? JSONDecoder().decode(Graph.self, from: Data(mutant)) else { continue }
      #expect(decoded.nodes.count == graph.nodes.count)
    }
    #expect(tried > 20)
  }
}
