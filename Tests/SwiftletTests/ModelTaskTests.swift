// ModelTaskTests.swift: a model's file says what the model was trained for.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct ModelTaskTests {
  private func model() throws -> Model {
    let architecture = try Zoo.architecture(
      "mobilenet_v1", ZooOptions(width: 0.25, resolution: 32, classes: 3))
    return try .untrained(architecture, labels: ["a", "b", "c"], seed: 1)
  }

  @Test func theTaskIsStoredAndMayBeAbsent() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "model.safetensors").path
      let model = try model()
      try model.save(to: path)
      #expect(try SafetensorsFile(contentsOf: path).metadata["swiftlet.task"] == nil)
      #expect(try Model(contentsOf: path).task == .classification)

      try model.with(task: MultiLabelTask(threshold: 0.25)).save(to: path)
      let loaded = try Model(contentsOf: path)
      #expect(loaded.task.rule == .any(threshold: 0.25) && loaded.task.name == "multiLabel")
      #expect((try loaded.task.trainingTask() as? MultiLabelTask)?.threshold == 0.25)
      for other in [try loaded.inHalfPrecision(), try loaded.withHead(classes: ["x", "y"])] {
        #expect(other.task == loaded.task)
      }
      let architecture = try #require(loaded.architecture)
      #expect(try Model(architecture, weights: path).task == loaded.task)

      // A task that this program does not have.
      let file = try SafetensorsFile(contentsOf: path)
      var metadata = file.metadata
      metadata["swiftlet.task"] = "{\"attributes\":{},\"name\":\"depth\"}"
      let unknown = folder.appending(path: "unknown.safetensors").path
      try SafetensorsFile.write(model.parameters.all, metadata: metadata, to: unknown)
      // It classifies and is saved as it is; training with it is refused.
      let carried = try Model(contentsOf: unknown)
      #expect(carried.task.name == "depth" && carried.task.rule == .one)
      #expect(throws: TrainingError.unknownTask("depth")) { try carried.task.trainingTask() }
      try carried.save(to: unknown)
      #expect(try SafetensorsFile(contentsOf: unknown).metadata["swiftlet.task"] == metadata["swiftlet.task"])
      metadata["swiftlet.task"] = "[]"
      try SafetensorsFile.write(model.parameters.all, metadata: metadata, to: unknown)
      let error = #expect(throws: ModelError.self) { try Model(contentsOf: unknown) }
      #expect("\(try #require(error))".contains("swiftlet.task"))
    }
  }

  @Test func probabilitiesAreTheTasks() throws {
    let image = try RGBImage(width: 32, height: 32, pixels: (0..<(3 * 32 * 32)).map { UInt8($0 * 7 % 256) })
    let exclusive = try Classifier(model())(image)
    let several = try Classifier(model().with(task: MultiLabelTask()))(image)
    #expect(exclusive.logits == several.logits)
    #expect(abs(exclusive.probabilities.reduce(0, +) - 1) < 1e-12)
    for (logit, probability) in zip(several.logits, several.probabilities) {
      #expect(abs(probability - 1 / (1 + exp(-Double(logit)))) < 1e-12)
    }
    let least = several.probabilities.sorted()[1]
    #expect(several.above(least).map(\.index) == several.top(3).prefix(2).map(\.index))
    #expect(several.above(1).isEmpty && several.above(0).count == 3)
  }
}
