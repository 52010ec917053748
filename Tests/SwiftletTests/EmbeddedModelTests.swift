// EmbeddedModelTests.swift: the network that is part of the program, and weights in half precision.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct EmbeddedModelTests {
  @Test func itIsTheNetworkThatTheDocumentationSays() throws {
    let model = try EmbeddedModel.load()
    #expect(model.architecture == (try Zoo.architecture("cifar_se_resnet20")))
    #expect(try model.definition.graph().parameterCount == 272_095)
    #expect(model.labels == Labels.cifar10 && model.preprocessing == .cifar())
    for spec in try model.definition.graph().parameters {
      let tensor = try #require(model.parameters[spec.name])
      let isLayer = [.convolution, .linear, .gate].contains(spec.role)
      #expect(tensor.scalarType == (isLayer ? .float16 : .float32), "\(spec.name)")
      #expect(tensor.floats().allSatisfy { $0.isFinite }, "\(spec.name)")
    }
    let image = try RGBImage(contentsOf: Files.root.appending(path: "Examples/photos/apples.jpg").path)
    let classification = try Classifier(model)(image)
    #expect(classification.logits.count == 10)
    #expect(Labels.cifar10.contains(classification.top(1)[0].label))
    // Loading it again gives the same.
    #expect(try Classifier(EmbeddedModel.load())(image).logits == classification.logits)
    #expect(try EmbeddedModel.load(resolution: 64).preprocessing.resolution == 64)
  }

  @Test func itIsSmall() throws {
    let source = Files.root.appending(path: "Sources/CEmbeddedModel/model.c")
    #expect(try Data(contentsOf: source).count <= 2_000_000)
  }

  @Test func halfPrecisionIsHalfTheFile() throws {
    let model = try ModelTests.small()
    let half = try model.inHalfPrecision()
    try Files.withScratch { folder in
      let paths = ["single", "half"].map { folder.appending(path: $0 + ".safetensors").path }
      try model.save(to: paths[0])
      try half.save(to: paths[1])
      let sizes = try paths.map { try Data(contentsOf: URL(filePath: $0)).count }
      #expect(Double(sizes[1]) < 0.65 * Double(sizes[0]), "\(sizes)")
      let read = try Model(contentsOf: paths[1])
      let image = try RGBImage(contentsOf: Files.root.appending(path: "Examples/photos/apples.jpg").path)
      let logits = try Classifier(read)(image).logits
      #expect(try Classifier(half)(image).logits == logits)
      let (exact, near) = (try Classifier(model)(image).logits.map(Double.init), logits.map(Double.init))
      #expect(exact != near)
      let largest = exact.map(\.magnitude).max() ?? 0
      #expect(disagreement(near, exact, absolute: 1e-2 * largest, relative: 0) == nil)
      // Rounding what is rounded changes nothing; norms were not touched.
      let again = try read.inHalfPrecision()
      for (name, tensor) in read.parameters.all {
        #expect(again.parameters[name]?.floats() == tensor.floats(), "\(name)")
      }
    }
  }

  @Test func weightsBeyondHalfPrecisionAreRefused() throws {
    let model = try ModelTests.small()
    var parameters = model.parameters
    let name = "classifier.weight"
    let old = try #require(parameters[name])
    for value in [Float(65_520), -1e9, .infinity] {
      var floats = old.floats()
      floats[3] = value
      parameters[name] = try Tensor(shape: old.shape, floats: floats)
      let loud = try model.with(parameters)
      #expect { try loud.inHalfPrecision() } throws: { "\($0)".contains(name) && "\($0)".contains("65504") }
    }
  }
}
