// CheckpointCommandTests.swift: weights by file, folder and name on the command line, and the files that convert writes.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct CheckpointCommandTests {
  private static let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path

  /// A folder with a small model of ours, `m.safetensors`, and a run's folder with another.
  private func withModels(_ body: (URL, String) throws -> Void) throws {
    try Files.withScratch { folder in
      let options = ZooOptions(dialect: .torchvision, width: 0.25, resolution: 32, classes: 3)
      let model = try Model.untrained(
        Zoo.architecture("mobilenet_v2", options), labels: ["a", "b", "c"], seed: 3)
      let path = folder.appending(path: "m.safetensors").path
      try model.save(to: path)
      let run = folder.appending(path: "runs/fruit")
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      try model.save(to: run.appending(path: "model.safetensors").path)
      try body(folder, path)
    }
  }

  /// A file of the archive of checkpoints.
  private func golden(_ name: String, in folder: URL, as other: String? = nil) throws -> String {
    let archive = try ZipArchive(MappedFile(contentsOf: Files.golden("checkpoints/files.zip").path))
    let entry = try #require(archive.entries.first { $0.name == name })
    let path = folder.appending(path: other ?? name).path
    try archive.read(entry).withUnsafeBytes { try Data($0).write(to: URL(filePath: path)) }
    return path
  }

  @Test(arguments: ["m.onnx", "m.tflite", "m.pth", "m.mlmodel", "m", "safetensors", "m.safetensors.bak"])
  func convertWritesNothingElse(name: String) throws {
    try withModels { folder, path in
      let output = folder.appending(path: "out-\(name)").path
      let run = try Tool.run(["convert", path, "--output", output])
      #expect(run.isCleanFailure(naming: output, "'convert' writes safetensors only"), "\(run)")
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }

  @Test func aModelOfOursIsReadUnderAnyEnding() throws {
    try withModels { folder, path in
      for name in ["m.onnx", "m.pth", "m"] {
        let copy = folder.appending(path: name).path
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        let run = try Tool.run(["classify", Self.photo, "--weights", copy, "--top", "1"])
        #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
      }
      let upper = folder.appending(path: "N.SafeTensors").path
      #expect(try Tool.run(["convert", path, "--output", upper]).status == 0)
    }
  }

  @Test func optionsThatDisagreeWithTheFileAreErrors() throws {
    try withModels { folder, path in
      let output = folder.appending(path: "o.safetensors").path
      let data = folder.appending(path: "data").path
      for label in ["a", "b", "c"] {
        let place = folder.appending(path: "data/\(label)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for index in 0..<4 {
          try FileManager.default.copyItem(
            atPath: Self.photo, toPath: place.appending(path: "\(index).jpg").path)
        }
      }
      let train = ["train", "--data", data, "--from", path, "--output", folder.appending(path: "r").path]
      let commands = [
        ["classify", Self.photo, "--weights", path], ["embed", Self.photo, "--weights", path],
        ["evaluate", "--data", data, "--weights", path], ["convert", path, "--output", output],
        ["summary", path], ["bench", path],
      ]
      for (option, value, found) in [
        ("width", "0.5", "0.25"), ("dialect", "timm", "torchvision"), ("classes", "7", "3"),
      ] {
        for command in commands + (option == "classes" ? [] : [train]) {
          let run = try Tool.run(command + ["--\(option)", value])
          #expect(
            run.isCleanFailure(naming: "the file's \(option) is \(found), not \(value)"), "\(command): \(run)"
          )
        }
      }
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }

  @Test func weightsMayBeARunsFolderOrAName() throws {
    try withModels { folder, _ in
      for name in ["runs/fruit", "runs/fruit/"] {
        let run = try Tool.run(["classify", Self.photo, "--weights", name], in: folder)
        #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
      }
      #expect(try Tool.run(["summary", "runs/fruit"], in: folder).status == 0)
      let empty = try Tool.run(["classify", Self.photo, "--weights", "runs"], in: folder)
      #expect(empty.isCleanFailure(naming: "runs: is a folder without model.safetensors"), "\(empty)")
      for command in [
        ["classify", Self.photo, "--weights"], ["embed", Self.photo, "--weights"],
        ["convert", "--output", "o.safetensors"],
      ] {
        let missing = try Tool.run(command + ["resnet18"], in: folder)
        #expect(
          missing.isCleanFailure(naming: "no weights of resnet18 are here: 'swiftlet pull resnet18' fetches"),
          "\(missing)")
        let unknown = try Tool.run(command + ["mobilenet_v1"], in: folder)
        #expect(
          unknown.isCleanFailure(naming: "no published weights of mobilenet_v1 are known"), "\(unknown)")
        let other = try Tool.run(command + ["nothing"], in: folder)
        #expect(other.isCleanFailure(naming: "nothing: cannot read: no such file"), "\(other)")
      }
      let embedded = try Tool.run(["classify", Self.photo, "--weights", "embedded"], in: folder)
      #expect(embedded.status == 0 && embedded.errors.isEmpty, "\(embedded)")
    }
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func publishedWeightsAreFoundInTheCacheByTheirName() throws {
    let published = try #require(Files.shared("data/weights/imagenet/mobilenet_v2-b0353104.pth"))
    try Files.withScratch { folder in
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: published.lastPathComponent), withDestinationURL: published)
      let run = try Tool.run(
        ["classify", Self.photo, "--weights", "mobilenet_v2", "--top", "1"],
        environment: ["SWIFTLET_CACHE": folder.path])
      #expect(run.output.contains("Granny Smith") && run.errors.isEmpty, "\(run)")
    }
  }

  @Test func aNameThatStatesAnotherChecksumIsRefused() throws {
    try Files.withScratch { folder in
      let path = try golden("head_linear.pth", in: folder, as: "mobilenet_v2-b0353104.pth")
      let digest = try Digest.sha256(ofFile: path)
      let output = folder.appending(path: "o.safetensors").path
      let convert = try Tool.run(["convert", path, "--output", output])
      #expect(
        convert.isCleanFailure(naming: "sha256 begins b0353104, but it is \(digest)", "fetch it again"),
        "\(convert)")
      let right = folder.appending(path: "net-\(digest.prefix(8)).pth").path
      try FileManager.default.moveItem(atPath: path, toPath: right)
      #expect(try Tool.run(["convert", right, "--output", output]).status == 0)
    }
  }

  @Test func choicesAreSaidOnStandardError() throws {
    try Files.withScratch { folder in
      let path = try golden("timm_saver.pth.tar", in: folder)
      let arguments = ["classify", Self.photo, "--weights", path, "--top", "1"]
      let both = try Tool.run(arguments)
      #expect(both.status == 0 && both.errors.split(separator: "\n").count == 2, "\(both)")
      #expect(both.errors.contains("'state_dict' is read (--state-dict state_dict_ema reads the other)"))
      let chosen = try Tool.run(arguments + ["--state-dict", "state_dict_ema", "--dialect", "timm"])
      #expect(chosen.status == 0 && chosen.errors.isEmpty, "\(chosen)")
    }
  }

  @Test(
    .enabled(if: Files.shared("reports/ckpt") != nil, "needs ../shared/reports"),
    arguments: [
      "args_namespace", "averaged_model", "head_in_sequential", "no_head", "numpy_scalar", "one_logit",
      "prefix_compiled", "prefix_lightning", "profiled_thop", "timm_width_050",
    ])
  func filesOfReportsAreRead(name: String) throws {
    let path = try #require(Files.shared("reports/ckpt/\(name).pth")).path
    let embed = try Tool.run(["embed", Self.photo, "--weights", path])
    #expect(embed.status == 0, "\(embed)")
    let classify = try Tool.run(["classify", Self.photo, "--weights", path, "--top", "1"])
    if name == "no_head" {
      #expect(
        classify.isCleanFailure(
          naming: "no_head.pth: has no classifier: classifier.1.weight [classes, 1280] is missing"))
    } else {
      #expect(classify.status == 0, "\(classify)")
    }
    if name == "one_logit" { #expect(classify.output.contains("54.93 %"), "\(classify)") }
    if name == "profiled_thop" { #expect(classify.errors.contains("total_ops (2)")) }
    try Files.withScratch { folder in
      let output = folder.appending(path: "o.safetensors").path
      let convert = try Tool.run(["convert", path, "--output", output, "--json"])
      #expect(convert.status == 0, "\(convert)")
      if name == "timm_width_050" {
        #expect(try Model(contentsOf: output).architecture?.width == 0.5)
        let wrong = try Tool.run(["convert", path, "--width", "0.75", "--output", output])
        #expect(wrong.isCleanFailure(naming: "width is 0.5, not 0.75"), "\(wrong)")
      }
    }
  }

  @Test(.enabled(if: Files.shared("reports/ckpt") != nil, "needs ../shared/reports"))
  func trainingStartsFromAFileWithoutAHead() throws {
    let path = try #require(Files.shared("reports/ckpt/no_head.pth")).path
    try Files.withScratch { folder in
      for label in ["a", "b"] {
        let place = folder.appending(path: "data/\(label)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for index in 0..<4 {
          try FileManager.default.copyItem(
            atPath: Self.photo, toPath: place.appending(path: "\(index).jpg").path)
        }
      }
      let run = try Tool.run([
        "train", "--data", folder.appending(path: "data").path, "--from", path, "--resolution", "32",
        "--epochs", "1",
        "--batch", "2", "--output", folder.appending(path: "run").path,
      ])
      #expect(run.status == 0, "\(run)")
      let model = try Model(contentsOf: folder.appending(path: "run/model.safetensors").path)
      #expect(model.missingHead == nil && model.labels == ["a", "b"])
    }
  }
}
