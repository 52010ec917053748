// GraphModelCommandTests.swift: a file whose network is a graph, in every command that takes a file.

import Foundation
import ModelSupport
import SwiftletModules
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite(.serialized) struct GraphModelCommandTests {
  @Test func aGraphIsClassifiedWithEmbeddedWithAndInspected() throws {
    try Files.withScratch { scratch in
      let file = scratch.appending(path: "graph.safetensors").path
      let model = try graphModel()
      try model.save(to: file)
      let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
      let logits = try Classifier(model)(RGBImage(contentsOf: photo))

      let classified = try object(try Tool.run(["classify", photo, "--weights", file, "--json"]).output)
      let predictions = try #require(classified["predictions"] as? [[String: Any]])
      #expect(predictions.compactMap { $0["label"] as? String } == logits.top(3).map(\.label))
      let embedded = try object(try Tool.run(["embed", photo, "--weights", file]).output)
      #expect((embedded["features"] as? [Double])?.count == 8)

      let summary = try Tool.run(["summary", file])
      #expect(
        summary.status == 0 && summary.output.contains("exported · graph · 16×16 · 3 classes"), "\(summary)")
      #expect(summary.output.contains("layer1"))
      let json = try object(try Tool.run(["summary", file, "--json"]).output)
      #expect((json["layers"] as? [Any])?.count == 13)
      for (stage, text) in [
        ("graph", "batchNorm"), ("training", "batchNormTraining"), ("folded", "parameter stem#2.bias"),
        ("plan", "stem#2"),
      ] {
        let run = try Tool.run(["inspect", file, "--stage", stage, "--threads", "1"])
        #expect(run.status == 0 && run.output.contains(text), "\(stage): \(run)")
      }
      let bench = try object(try Tool.run(["bench", file, "--seconds", "0.01", "--json"]).output)
      #expect(bench["model"] as? String == "exported" && bench["resolution"] as? Int == 16)

      let converted = scratch.appending(path: "half.safetensors").path
      let run = try Tool.run(["convert", file, "--output", converted, "--half", "--json"])
      #expect(run.status == 0, "\(run)")
      #expect(try object(run.output)["name"] as? String == "exported")
      #expect(try Model(contentsOf: converted).parameters["stem.weight"]?.scalarType == .float16)

      let wrong = try Tool.run(["classify", photo, "--weights", file, "--resolution", "32"])
      #expect(wrong.isCleanFailure(naming: file, "16×16"), "\(wrong)")
      let flat = scratch.appending(path: "flat.safetensors").path
      try graphModel(size: (16, 24)).save(to: flat)
      for command in [["classify", photo], ["embed", photo]] {
        let run = try Tool.run(command + ["--weights", flat])
        #expect(run.status == 1 && (run.errors + run.output).contains("square"), "\(run)")
      }
    }
  }

  /// Fine-tuned to new classes, evaluated; killed and resumed to the same bits; with everything but the head frozen.
  @Test func aGraphIsFineTunedAndResumed() throws {
    try Files.withScratch { scratch in
      let file = scratch.appending(path: "graph.safetensors").path
      try graphModel(classes: 5).save(to: file)
      let data = try TrainCommandTests().makePhotographs(in: scratch)
      func line(_ output: URL, _ more: [String] = []) -> [String] {
        [
          "train", "--data", data.path, "--from", file, "--recipe", "quick", "--batch", "8", "--epochs", "4",
          "--threads", "1", "--output", output.path,
        ] + more
      }
      func weights(_ output: URL) -> URL { output.appending(path: "model.safetensors") }
      let whole = scratch.appending(path: "whole")
      let begin = Date()
      let run = try Tool.run(line(whole, ["--checkpoint-every", "1"]))
      let duration = Date().timeIntervalSince(begin)
      #expect(run.status == 0 && run.output.contains("3 classes"), "\(run)")
      let model = try Model(contentsOf: weights(whole).path)
      #expect(model.architecture == nil && model.labels == ["blue", "green", "red"])
      let evaluation = try object(
        try Tool.run(["evaluate", "--data", data.path, "--weights", weights(whole).path, "--json"]).output)
      #expect(evaluation["count"] as? Int == 12)

      for attempt in 0..<3 {
        let output = scratch.appending(path: "killed \(attempt)")
        let resumed = line(output, ["--checkpoint-every", "1", "--resume"])
        let process = try TrainCommandTests().start(resumed)
        Thread.sleep(forTimeInterval: duration * Double(attempt + 1) / 4)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let last = try Tool.run(resumed)
        #expect(last.status == 0, "\(last)")
        #expect(try Data(contentsOf: weights(output)) == Data(contentsOf: weights(whole)))
      }

      let frozen = scratch.appending(path: "frozen")
      let start = try Model(contentsOf: file)
      #expect(try Tool.run(line(frozen, ["--freeze", "backbone"])).status == 0)
      let tuned = try Model(contentsOf: weights(frozen).path)
      for (name, tensor) in tuned.parameters.all {
        let isHead = name.hasPrefix("head.")
        #expect((start.parameters[name]?.floats() == tensor.floats()) == !isHead, "\(name)")
      }
      let stages = try Tool.run(line(scratch.appending(path: "no"), ["--freeze", "stages:1"]))
      #expect(stages.isCleanFailure(naming: "exported is a graph"), "\(stages)")
    }
  }
}
