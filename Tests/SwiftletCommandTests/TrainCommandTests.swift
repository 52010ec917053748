// TrainCommandTests.swift: training as a user runs it, and as accidents end it.

import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite(.serialized) struct TrainCommandTests {
  /// A folder of small pictures, the class being the colour.
  func makePhotographs(in folder: URL, training: Int = 8, validation: Int = 4) throws -> URL {
    let root = folder.appending(path: "photographs")
    for (part, count, seed) in [("train", training, 1), ("val", validation, 2)] {
      for (channel, name) in ["blue", "green", "red"].enumerated() {
        let place = root.appending(path: "\(part)/\(name)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for index in 0..<count {
          var state = UInt32(seed * 1000 + channel * 100 + index)
          let pixels = (0..<(16 * 16 * 3)).map { position -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24) / 2 + (position % 3 == channel ? 100 : 0)
          }
          try bitmap(pixels).write(to: place.appending(path: "\(index).bmp"))
        }
      }
    }
    return root
  }

  /// A BMP of 16×16 pixels; pixels are blue, green, red.
  private func bitmap(_ pixels: [UInt8]) -> Data {
    func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let size = UInt32(pixels.count)
    let header: [UInt8] =
      [0x42, 0x4D] + little(54 + size) + little(0) + little(54) + little(40) + little(16) + little(16)
      + [1, 0, 24, 0] + little(0) + little(size) + little(2835) + little(2835) + little(0) + little(0)
    return Data(header + pixels)
  }

  private func arguments(_ data: URL, _ output: URL, _ more: [String] = []) -> [String] {
    [
      "train", "--data", data.path, "--model", "cifar_mobilenet_v3_small", "--width", "0.25", "--recipe",
      "quick",
      "--batch", "8", "--epochs", "4", "--threads", "1", "--output", output.path,
    ] + more
  }

  /// What must not depend on whether a run was interrupted.
  private func numbers(_ folder: URL) throws -> [[String]] {
    let text = try String(contentsOf: folder.appending(path: "metrics.csv"), encoding: .utf8)
    return text.split(separator: "\n").map { line in
      line.split(separator: ",", omittingEmptySubsequences: false).prefix(8).map(String.init)
    }
  }

  private func model(_ folder: URL) throws -> Data {
    try Data(contentsOf: folder.appending(path: "model.safetensors"))
  }

  private func temporaries(_ folder: URL) -> [String] {
    ((try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []).filter {
      $0.hasSuffix(".tmp")
    }
  }

  /// Runs a shell command line with the tool as `$0`, and sends a signal after a while.
  func start(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: Tool.path)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  @Test func trainsEvaluatesClassifiesEmbeds() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let output = scratch.appending(path: "runs/one")
      let run = try Tool.run(arguments(data, output, ["--json"]))
      #expect(run.status == 0, "\(run)")
      let epochs = try run.lines.map(object)
      #expect(epochs.compactMap { $0["epoch"] as? Int } == [1, 2, 3, 4])
      #expect(epochs.allSatisfy { $0["trainingLoss"] is Double && $0["validationAccuracy"] is Double })
      for name in [
        "model.safetensors", "config.json", "metrics.csv", "report.html", "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
      ] { #expect(FileManager.default.fileExists(atPath: output.appending(path: name).path), "\(name)") }
      #expect(temporaries(output).isEmpty)

      let weights = output.appending(path: "model.safetensors").path
      let evaluation = try object(
        try Tool.run(["evaluate", "--data", data.path, "--weights", weights, "--json"]).output)
      #expect(evaluation["count"] as? Int == 12 && evaluation["top5"] as? Double == 1)
      let best = epochs.compactMap { $0["validationAccuracy"] as? Double }.max()
      #expect(evaluation["top1"] as? Double == best)
      #expect(
        try Tool.run(["evaluate", "--data", data.path, "--weights", weights]).output.contains("recall"))

      let photograph = data.appending(path: "val/red/0.bmp").path
      let answer = try Tool.run(["classify", photograph, "--weights", weights, "--top", "1"])
      #expect(answer.status == 0 && ["red", "green", "blue"].contains { answer.output.contains($0) })
      let vector = try object(try Tool.run(["embed", photograph, "--weights", weights]).output)
      let features = try #require(vector["features"] as? [Double])
      let file = scratch.appending(path: "x.npy")
      #expect(
        try Tool.run(["embed", photograph, photograph, "--weights", weights, "--output", file.path]).status
          == 0)
      let stored = try readNumpy(file)
      #expect(stored.shape == [2, features.count])
      #expect(disagreement(Array(stored.values.prefix(features.count)), features, relative: 1e-6) == nil)

      // From the model that was made, for two classes: a new classifier.
      let fewer = scratch.appending(path: "two")
      for part in ["train", "val"] {
        for name in ["red", "blue"] {
          let place = fewer.appending(path: "\(part)/\(name)")
          try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
          try FileManager.default.copyItem(at: data.appending(path: "\(part)/\(name)"), to: place)
        }
      }
      let tuned = try Tool.run(
        [
          "train", "--data", fewer.path, "--from", weights, "--freeze", "backbone", "--epochs", "2",
          "--batch", "4",
          "--output", scratch.appending(path: "tuned").path,
        ])
      #expect(tuned.status == 0 && tuned.output.contains("2 classes"), "\(tuned)")
      let unknown = try Tool.run([
        "evaluate", "--data", data.path, "--weights", scratch.appending(path: "tuned/model.safetensors").path,
      ])
      #expect(unknown.isCleanFailure(naming: "green"), "\(unknown)")
    }
  }

  @Test func killedAtAnyMomentItGoesOnToTheSameBits() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let whole = scratch.appending(path: "whole")
      let begin = Date()
      #expect(try Tool.run(arguments(data, whole, ["--checkpoint-every", "1"])).status == 0)
      let duration = Date().timeIntervalSince(begin)
      for attempt in 0..<6 {
        let output = scratch.appending(path: "killed \(attempt)")
        let line = arguments(data, output, ["--checkpoint-every", "1", "--resume"])
        // Twice: once from the start and once while it goes on.
        for _ in 0..<2 {
          let process = try start(line)
          Thread.sleep(forTimeInterval: Double.random(in: 0...duration))
          kill(process.processIdentifier, SIGKILL)
          process.waitUntilExit()
        }
        let last = try Tool.run(line)
        #expect(last.status == 0, "\(last)")
        #expect(try model(output) == model(whole))
        #expect(try numbers(output) == numbers(whole))
        #expect(temporaries(output).isEmpty)
      }
    }
  }

  @Test func threadsDoNotChangeTheBits() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let folders = try ["1", "2", "3"].map { threads throws -> URL in
        let output = scratch.appending(path: "run \(threads)")
        var line = arguments(data, output)
        if let place = line.firstIndex(of: "--threads") { line[place + 1] = threads }
        #expect(try Tool.run(line).status == 0)
        return output
      }
      #expect(try model(folders[0]) == model(folders[1]) && model(folders[0]) == model(folders[2]))
    }
  }

  @Test func theRecipeOfARunMakesItAgain() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let (first, again) = (scratch.appending(path: "first"), scratch.appending(path: "again"))
      #expect(try Tool.run(arguments(data, first, ["--seed", "7", "--learning-rate", "0.01"])).status == 0)
      let run = try Tool.run([
        "train", "--data", data.path, "--model", "cifar_mobilenet_v3_small", "--width", "0.25",
        "--recipe", first.appending(path: "config.json").path, "--output", again.path, "--threads", "1",
      ])
      #expect(run.status == 0, "\(run)")
      #expect(try model(first) == model(again))
      #expect(try numbers(first) == numbers(again))
    }
  }

  @Test func learnsFromATeacher() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let first = scratch.appending(path: "first")
      #expect(try Tool.run(arguments(data, first)).status == 0)
      let teacher = ["--teacher", first.appending(path: "model.safetensors").path]
      let taught = scratch.appending(path: "taught")
      let run = try Tool.run(arguments(data, taught, teacher))
      #expect(run.status == 0, "\(run)")
      #expect(try model(taught) != model(first))
      // The teacher is part of the run.
      let alone = try Tool.run(arguments(data, taught, ["--resume"]))
      #expect(alone.status == 1 && alone.errors.contains("teacher"), "\(alone)")
      #expect(try Tool.run(arguments(data, taught, teacher + ["--resume"])).status == 0)
      let missing = try Tool.run(
        arguments(data, scratch.appending(path: "no"), ["--teacher", scratch.path + "/none.safetensors"]))
      #expect(missing.isCleanFailure(naming: "none.safetensors"), "\(missing)")
    }
  }

  @Test func interruptedItWritesACheckpoint() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let (whole, output) = (scratch.appending(path: "whole"), scratch.appending(path: "interrupted"))
      #expect(try Tool.run(arguments(data, whole)).status == 0)
      let process = try start(arguments(data, output))
      let config = output.appending(path: "config.json").path
      while process.isRunning, !FileManager.default.fileExists(atPath: config) {
        Thread.sleep(forTimeInterval: 0.002)
      }
      kill(process.processIdentifier, SIGINT)
      process.waitUntilExit()
      #expect(process.terminationStatus == 130 || process.terminationStatus == 0)
      #expect(
        FileManager.default.fileExists(atPath: output.appending(path: "checkpoints/last.safetensors").path))
      #expect(try Tool.run(arguments(data, output, ["--resume"])).status == 0)
      #expect(try model(output) == model(whole))
      #expect(try numbers(output) == numbers(whole))
    }
  }

  @Test func aFullDiskLosesNothing() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let (whole, output) = (scratch.appending(path: "whole"), scratch.appending(path: "full"))
      #expect(try Tool.run(arguments(data, whole)).status == 0)
      // No file may be larger than 64 kB, which the small ones stay below.
      func limited(_ more: [String]) throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments =
          ["-c", "ulimit -f 128; exec \"$0\" \"$@\"", Tool.path] + arguments(data, output, more)
        let errors = Pipe()
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, errors)
        try process.run()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let crashed = process.terminationReason == .uncaughtSignal
        return (
          crashed ? 128 + process.terminationStatus : process.terminationStatus,
          String(decoding: text, as: UTF8.self)
        )
      }
      let (first, complaint) = try limited([])
      #expect(
        first == 1 && complaint.contains("the disk is full") && complaint.contains(".safetensors"),
        "\(complaint)")
      #expect(complaint.filter(\.isNewline).count == 1 && temporaries(output).isEmpty)

      let process = try start(arguments(data, output, ["--checkpoint-every", "1"]))
      let last = output.appending(path: "checkpoints/last.safetensors")
      while process.isRunning, !FileManager.default.fileExists(atPath: last.path) {
        Thread.sleep(forTimeInterval: 0.001)
      }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let before = try Data(contentsOf: last)
      let (second, again) = try limited(["--resume", "--checkpoint-every", "1"])
      #expect(second == 1 && again.contains("the disk is full"), "\(again)")
      #expect(try Data(contentsOf: last) == before && temporaries(output).isEmpty)
      #expect(try Tool.run(arguments(data, output, ["--resume"])).status == 0)
      #expect(try model(output) == model(whole))
    }
  }

  @Test func mistakesAreOneLine() throws {
    try Files.withScratch { scratch in
      let data = try makePhotographs(in: scratch)
      let output = scratch.appending(path: "run")
      func refused(_ more: [String], _ parts: String...) throws {
        let run = try Tool.run(more)
        #expect([1, 2].contains(run.status) && run.errors.filter(\.isNewline).count == 1, "\(run)")
        for part in parts { #expect(run.errors.contains(part), "\(run)") }
      }
      try refused(["train", "--model", "cifar_resnet20"], "--data")
      try refused(["train", "--data", data.path], "--model")
      try refused(["train", "--data", data.path, "--model", "cifar_resnet21"], "cifar_resnet2")
      try refused(["train", "--data", scratch.path + "/none", "--model", "cifar_resnet20"], "none")
      try refused(arguments(data, output, ["--freeze", "half"]), "freeze", "half")
      try refused(arguments(data, output, ["--freeze", "stages:99"]), "stages")
      try refused(arguments(data, output).map { $0 == "quick" ? "slow" : $0 }, "slow", "fine-tune")
      try refused(arguments(data, output, ["--learning-rate", "-1"]), "learning rate")
      try refused(arguments(data, output, ["--threads", "0"]), "--threads")
      try refused(arguments(data, output, ["--checkpoint-every", "0"]), "--checkpoint-every")

      // A folder that cannot be.
      let file = scratch.appending(path: "file")
      try Data("x".utf8).write(to: file)
      try refused(arguments(data, file), "file", "not a folder")
      try refused(arguments(data, file.appending(path: "run")), "file", "not a folder")
      if geteuid() != 0 {
        let closed = scratch.appending(path: "closed")
        try FileManager.default.createDirectory(
          at: closed, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o555])
        try refused(arguments(data, closed.appending(path: "run")), "permission")
      }

      // A rate that no network stands.
      try refused(
        arguments(data, scratch.appending(path: "nan"), ["--learning-rate", "1e30"]), "not a finite number",
        "epoch 1", "step")

      // Another run's folder.
      #expect(try Tool.run(arguments(data, output)).status == 0)
      let before = try model(output)
      try refused(arguments(data, output), "--resume")
      try refused(
        arguments(data, output, ["--resume"]).map {
          $0 == "cifar_mobilenet_v3_small" ? "cifar_mobilenet_v2" : $0
        },
        "cifar_mobilenet_v3_small", "cifar_mobilenet_v2")
      try refused(arguments(data, output, ["--resume", "--learning-rate", "0.3"]), "0.05", "0.3")
      #expect(try model(output) == before)

      // Classes.
      let empty = data.appending(path: "train/yellow")
      try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
      try refused(arguments(data, scratch.appending(path: "a")), "yellow")
      try FileManager.default.removeItem(at: empty)
      try FileManager.default.copyItem(
        at: data.appending(path: "train/red"), to: data.appending(path: "train/Red"))
      try refused(arguments(data, scratch.appending(path: "b")), "Red", "red")
    }
  }
}
