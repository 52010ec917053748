// GraphModelTests.swift: a model whose network is a graph does what a model of an architecture does.

import Foundation
import ModelSupport
import SwiftletModules
import TestSupport
import Testing

@Suite struct GraphModelTests {
  private func image() throws -> RGBImage {
    try RGBImage(contentsOf: Files.root.appending(path: "Examples/photos/apples.jpg").path)
  }

  @Test func aFileIsAWholeModel() throws {
    let model = try graphModel()
    #expect(model.architecture == nil && model.classes == 3 && model.definition.resolution == 16)
    try Files.withScratch { folder in
      let path = folder.appending(path: "graph.safetensors").path
      try model.save(to: path)
      let read = try Model(contentsOf: path)
      #expect(read.definition == model.definition && read.labels == model.labels)
      #expect(read.preprocessing == model.preprocessing)
      for (name, tensor) in model.parameters.all {
        #expect(read.parameters[name]?.floats() == tensor.floats(), "\(name)")
      }
      let (a, b) = (try Classifier(read)(image()), try Classifier(model)(image()))
      #expect(a.logits == b.logits && a.logits.count == 3)
      let again = folder.appending(path: "again.safetensors").path
      try read.save(to: again)
      #expect(try Data(contentsOf: URL(filePath: again)) == Data(contentsOf: URL(filePath: path)))
      #expect(try Model(contentsOf: path, network: "exported").classes == 3)
      #expect(throws: ModelError.self) { try Model(contentsOf: path, network: "mobilenet_v2") }
      #expect(throws: ModelError.self) {
        try Model(contentsOf: path, options: ZooOptions(resolution: 32))
      }
      try read.inHalfPrecision().save(to: again)
      let half = try Model(contentsOf: again)
      #expect(half.parameters["shared.weight"]?.scalarType == .float16)
      #expect(
        disagreement(
          try Classifier(half)(image()).logits.map(Double.init), a.logits.map(Double.init),
          relativeToScale: 1e-2) == nil)
    }
  }

  @Test func logitsAreTheDefinitions() throws {
    let model = try graphModel()
    let input = try model.input(image())
    let logits = try Classifier(model).classify(input: input).logits.map(Double.init)
    let graph = try model.definition.graph()
    let outputs = try ReferencePlan(graph, parameters: model.parameters).run([HostTensor(input)])
    #expect(disagreement(logits, outputs[1].values, relativeToScale: 1e-5) == nil)
    let features = try Embedder(model)(image()).map(Double.init)
    #expect(disagreement(features, outputs[0].values, relativeToScale: 1e-5) == nil)
  }

  @Test func aNewHeadKeepsTheRest() throws {
    let old = try graphModel()
    let new = try old.withHead(classes: ["a", "b", "c", "d"], seed: 2)
    #expect(new.classes == 4 && new.labels == ["a", "b", "c", "d"])
    for (name, tensor) in new.parameters.all where !name.hasPrefix("head.") {
      #expect(old.parameters[name]?.floats() == tensor.floats(), "\(name)")
    }
    #expect(new.parameters["head.weight"]?.shape == [8, 4] && new.parameters["head.bias"]?.shape == [4])
    #expect(try Classifier(new)(image()).logits.count == 4)
    #expect(throws: GraphError.self) { try old.withHead(classes: []) }
    let same = try old.withHead(classes: ["a", "b", "c"])
    #expect(same.parameters["head.weight"]?.floats() == old.parameters["head.weight"]?.floats())
  }

  /// A 1×1 convolution, pooled and reshaped afterwards, is a classifier too; a weight that is shared is not.
  @Test func headsOfOtherFormsAreFoundOrRefused() throws {
    func graph(
      _ end: (inout GraphBuilder, SwiftletGraph.Value, SwiftletGraph.Value) throws -> SwiftletGraph.Value
    ) throws -> Graph {
      var builder = GraphBuilder(name: "end")
      let image = builder.input("image", TensorType([1, 4, 4, 3]))
      let weight = try builder.parameter("w", .convolution, [1, 1, 3, 3])
      builder.output("logits", try end(&builder, image, weight))
      return try builder.finish()
    }
    let window = Window(kernel: 1)
    let pooled = try graph { builder, image, weight in
      let y = try builder.apply(Convolution(window: window), image, weight, label: "conv")
      let z = try builder.apply(AdaptiveAveragePool(size: 1), y, label: "pool")
      return try builder.apply(Reshape([1, 3]), z, label: "flat")
    }
    let five = try pooled.with(classes: 5)
    #expect(five.type(of: try five.output("logits").value).shape == [1, 5])
    #expect(try five.with(classes: 3) == pooled)
    let shared = try graph { builder, image, weight in
      let y = try builder.apply(Convolution(window: window), image, weight, label: "first")
      let z = try builder.apply(Convolution(window: window), y, weight, label: "second")
      return try builder.apply(GlobalAveragePool(), z, label: "pool")
    }
    #expect(
      throws: GraphError.noClassifier(
        graph: "end", reason: "another layer reads the weight or the bias of 'second'")
    ) {
      try shared.with(classes: 5)
    }
    let none = try graph { builder, image, _ in try builder.apply(GlobalAveragePool(), image, label: "pool") }
    #expect(throws: GraphError.noClassifier(graph: "end", reason: "its logits come from no layer")) {
      try none.with(classes: 5)
    }
  }

  @Test func graphsThatAreNoClassifiersAreRefused() throws {
    var builder = GraphBuilder(name: "odd")
    let input = builder.input("picture", TensorType([1, 4, 4, 3]))
    builder.output("logits", try builder.apply(GlobalAveragePool(), input, label: "pool"))
    let graph = try builder.finish()
    #expect(throws: ModelError.self) {
      try Model(graph, parameters: Parameters(), preprocessing: .cifar(resolution: 4))
    }
    let picture = try image()
    let flat = try graphModel(size: (16, 24))
    #expect {
      try Classifier(flat)(picture)
    } throws: {
      "\($0)".contains("1×16×24×3") && "\($0)".contains("square")
    }
    let prepared = try Tensor(shape: [1, 16, 24, 3], floats: [Float](repeating: 0.5, count: 16 * 24 * 3))
    #expect(try Classifier(flat).classify(input: prepared).logits.count == 3)
  }

  @Test func damagedFilesAreRefused() throws {
    let model = try graphModel()
    try Files.withScratch { folder in
      let path = folder.appending(path: "graph.safetensors").path
      let json = try StableJSON.text(try model.definition.graph())
      func write(_ metadata: [String: String]) throws {
        try SafetensorsFile.write(model.parameters.all, metadata: metadata, to: path)
      }
      let preprocessing = try StableJSON.text(model.preprocessing)
      for damaged in [
        json.replacing("\"linear\"", with: "\"laser\""), json.replacing("[1,16,16,3]", with: "[1,16,17,3]"),
        json.replacing("\"logits\"", with: "\"scores\""), "{}", "[]",
      ] {
        try write(["swiftlet.graph": damaged, "swiftlet.preprocessing": preprocessing])
        #expect(throws: ModelError.self) { try Model(contentsOf: path) }
      }
      try write(["swiftlet.graph": json])
      #expect(throws: ModelError.self) { try Model(contentsOf: path) }
      try write(["swiftlet.graph": json, "swiftlet.preprocessing": preprocessing])
      #expect(try Model(contentsOf: path).labels == [])
    }
  }

  /// Damaged graphs are refused, or are sound models that can be classified and embedded with.
  @Test func mutatedGraphModelsNeverCrash() throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    print("mutatedGraphModelsNeverCrash: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let text = Array(try StableJSON.text(try graphModel().definition.graph()).utf8)
    let numbers = ["0", "1", "2", "5", "9", "17", "64", "-3", "4096", "9223372036854775807"]
    let end = ContinuousClock.now + .seconds(3)
    var (tried, sound) = (0, 0)
    while ContinuousClock.now < end {
      var mutant = text
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<mutant.count, using: &generator)
        guard let start = mutant[position...].firstIndex(where: { (48...57).contains($0) }) else { continue }
        let stop = mutant[start...].firstIndex { !(48...57).contains($0) } ?? mutant.endIndex
        mutant.replaceSubrange(
          start..<stop, with: Array(try #require(numbers.randomElement(using: &generator)).utf8))
      }
      tried += 1
      guard let graph = try? JSONDecoder().decode(Graph.self, from: Data(mutant)),
        graph.types.allSatisfy({ $0.shape.count < 1 << 20 }),
        let model = try? Model(
          graph, parameters: Parameters(initializing: graph, seed: 1), preprocessing: .cifar(resolution: 16)),
        let shape = graph.inputs.first.map({
          Shape([1] + graph.type(of: $0.value).shape.dimensions.dropFirst())
        }),
        let classifier = try? Classifier(model, engine: CPUBackend())
      else { continue }
      let input = try Tensor(shape: shape, floats: [Float](repeating: 0.5, count: shape.count))
      let expected = try ReferencePlan(model.definition.graph(), parameters: model.parameters)
        .run([HostTensor(input)])[1].values
      do {
        let logits = try classifier.classify(input: input).logits.map(Double.init)
        #expect(disagreement(logits, expected, relativeToScale: 1e-3) == nil)
      } catch is ClassifierError {
        // A negative ε, say, makes numbers that are none, by the definition too.
        #expect(expected.contains { !$0.isFinite })
      }
      _ = try? Embedder(model, engine: CPUBackend())
      sound += 1
    }
    #expect(tried > 100 && sound > 0, "\(tried) tried, \(sound) sound")
  }

  /// Files of a few kilobytes that declare enormous networks are refused before anything is built.
  @Test func smallFilesOfEnormousNetworksAreRefused() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "enormous.safetensors").path
      let one = [("x", try Tensor(shape: [1], floats: [1]))]
      func refusal(_ architecture: Architecture) throws -> String {
        try SafetensorsFile.write(
          one, metadata: ["swiftlet.architecture": try StableJSON.text(architecture)], to: path)
        let clock = ContinuousClock()
        var text = ""
        let time = clock.measure {
          do { _ = try Model(contentsOf: path) } catch { text = "\(error)" }
        }
        #expect(time < .seconds(0.5), "\(time)")
        return text
      }
      let many = Architecture(
        "many", stem: .conv(8), stages: (0..<200).map { _ in [.basic(8, repeats: 1000)] }, head: .pooled,
        resolution: 32)
      #expect(try refusal(many).contains("200001"))
      let some = Architecture(
        "some", stem: .conv(8), stages: (0..<20).map { _ in [.basic(8, repeats: 100)] }, head: .pooled,
        resolution: 32)
      #expect(try refusal(some).contains("the file only 1 tensors"))
    }
  }

  @Test func preprocessingAndLabelsAreGivenWhenAModelIsMade() throws {
    func made(_ architecture: Architecture) throws -> Model {
      try Model(architecture, parameters: Parameters(initializing: architecture.graph(), seed: 1))
    }
    // The zoo's entry says so.
    let cifar = try made(Zoo.architecture("cifar_resnet20"))
    #expect(cifar.preprocessing == .cifar(resolution: 32) && cifar.labels == Labels.cifar10)
    let v1 = try made(Zoo.architecture("mobilenet_v1", ZooOptions(dialect: .timm, width: 0.25)))
    #expect(v1.preprocessing.mean == [0.5, 0.5, 0.5] && v1.labels == Labels.imageNet)
    // A name that only looks like one of the zoo's says nothing.
    var own = try Zoo.architecture("cifar_resnet20")
    own.name = "cifar_of_mine"
    #expect(try made(own).labels == [] && made(own).preprocessing == .usual(for: own))
    #expect(try made(own).preprocessing != .cifar(resolution: 32))
    // What is given is kept, through a file and another head.
    let given = try Model(
      own, parameters: Parameters(initializing: own.graph(), seed: 1), preprocessing: .slim(resolution: 32),
      labels: Labels.cifar10)
    try Files.withScratch { folder in
      let path = folder.appending(path: "own.safetensors").path
      try given.save(to: path)
      let read = try Model(contentsOf: path)
      #expect(read.preprocessing == .slim(resolution: 32) && read.labels == Labels.cifar10)
      #expect(try read.withHead(classes: ["a", "b"]).preprocessing == .slim(resolution: 32))
    }
  }
}

/// A block from outside the package.
private struct Twice: BlockDefinition {
  static let name = "twice"
  var channels: Int
  var stride = 1

  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let y = try network.convolution(
      x, "first", channels: network.scaled(channels), kernel: 3, stride: stride, activation: .relu)
    return try network.convolution(
      y, "second", channels: network.scaled(channels), kernel: 1, activation: .relu)
  }
}

/// Another one under the name of a block of the package.
private struct Impostor: BlockDefinition {
  static let name = "basic"
  var channels = 0
  var stride = 1
  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value { x }
}

/// An operation from outside the package.
private struct Halve: GraphOperation {
  static let name = "halve"
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { inputs }
  func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    [HostTensor(inputs[0].shape, inputs[0].values.map { $0 / 2 })]
  }
  static func samples(using generator: inout SeededGenerator) -> [Sample] { [] }
}

@Suite struct RegistrationTests {
  @Test func aBlockFromOutsideIsSavedOnceItIsRegistered() throws {
    let architecture = Architecture(
      "own", stem: .conv(8, stride: 2), stages: [[Row(Twice(channels: 8, stride: 2), repeats: 2)]],
      head: .pooled, classes: 3, resolution: 16)
    let model = try Model(
      architecture, parameters: Parameters(initializing: architecture.graph(), seed: 1),
      labels: ["a", "b", "c"])
    try Files.withScratch { folder in
      let path = folder.appending(path: "own.safetensors").path
      #expect(throws: ArchitectureError.unregisteredBlock("twice")) { try model.save(to: path) }
      #expect(!FileManager.default.fileExists(atPath: path))
      try BlockCatalogue.register(Twice.self)
      try BlockCatalogue.register(Twice.self)
      try model.save(to: path)
      let read = try Model(contentsOf: path)
      #expect(read.definition == model.definition)
      let input = try Tensor(shape: [1, 16, 16, 3], floats: [Float](repeating: 0.3, count: 768))
      #expect(
        try Classifier(read).classify(input: input).logits == Classifier(model).classify(input: input).logits)
    }
    #expect(throws: ArchitectureError.self) { try BlockCatalogue.register(Impostor.self) }
  }

  @Test func anOperationFromOutsideIsSavedOnceItIsRegistered() throws {
    var builder = GraphBuilder(name: "halved")
    let image = builder.input("image", TensorType([1, 4, 4, 3]))
    let half = try builder.apply(Halve(), image, label: "half")
    builder.output("logits", try builder.apply(GlobalAveragePool(), half, label: "pool"))
    let model = try Model(
      builder.finish(), parameters: Parameters(), preprocessing: .cifar(resolution: 4), labels: [])
    try Files.withScratch { folder in
      let path = folder.appending(path: "halved.safetensors").path
      #expect(throws: GraphError.unregisteredOperation("halve")) { try model.save(to: path) }
      try Catalogue.register(Halve.self)
      try model.save(to: path)
      #expect(try Model(contentsOf: path).definition == model.definition)
    }
  }
}
