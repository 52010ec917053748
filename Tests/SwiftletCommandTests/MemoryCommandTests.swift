// MemoryCommandTests.swift: what does not fit into the memory of a process is refused in one line, not by a crash.

import Foundation
import TestSupport
import Testing

@Suite struct MemoryCommandTests {
  /// A lossy WebP of 37×29 pixels whose header promises others: its data end after a few rows.
  private func promising(_ width: Int, _ height: Int) throws -> Data {
    var bytes = [UInt8](try Data(contentsOf: Files.golden("vision/files/webp_lossy.webp")))
    let start: [UInt8] = [0x9D, 0x01, 0x2A]
    let header = try #require(bytes.indices.first { bytes[$0...].starts(with: start) })
    for (index, side) in [width, height].enumerated() {
      bytes[header + 3 + 2 * index] = UInt8(truncatingIfNeeded: side)
      bytes[header + 4 + 2 * index] = UInt8(truncatingIfNeeded: side >> 8)
    }
    return Data(bytes)
  }

  @Test func aTruncatedWebPTakesNoMemoryForItsPixels() throws {
    try Files.withScratch { folder in
      let file = folder.appending(path: "large.webp")
      // 480 MB of pixels.
      try promising(16_000, 10_000).write(to: file)
      let run = try Tool.run(
        ["preprocess", file.path, "--output", folder.appending(path: "x.npy").path],
        limitedToMegabytes: 200)
      #expect(run.isCleanFailure(naming: "large.webp", "truncated"), "\(run)")
    }
  }

  /// A list that names one image again and again, so that any batch can be filled.
  private func list(in folder: URL, count: Int) throws -> String {
    for (name, value) in [("a", 40), ("b", 200)] {
      // A portable binary format that needs no library: BMP of one pixel.
      let header: [UInt8] =
        [0x42, 0x4D, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0]
      let pixel = [UInt8](repeating: 0, count: 24) + [UInt8(value), 0, 0, 0]
      try Data(header + pixel).write(to: folder.appending(path: "\(name).bmp"))
    }
    let lines = (0..<count).map { $0 % 2 == 0 ? "a.bmp,x" : "b.bmp,y" }
    let file = folder.appending(path: "list.csv")
    try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  @Test func aStepThatDoesNotFitIsRefused() throws {
    try Files.withScratch { folder in
      let list = try list(in: folder, count: 12_000)
      let output = folder.appending(path: "run").path
      let run = try Tool.run(
        [
          "train", "--data", list, "--model", "cifar_resnet110", "--batch", "10000", "--threads", "1",
          "--output", output, "--hold-out", "0.1",
        ], limitedToMegabytes: 3000)
      #expect(run.isCleanFailure(naming: "10000 images", "GB of memory", "are available"), "\(run)")
    }
  }

  @Test func aBenchmarkThatDoesNotFitIsRefused() throws {
    let run = try Tool.run(
      ["bench", "cifar_resnet110", "--training", "--batch", "1024", "--threads", "1"],
      limitedToMegabytes: 2000)
    #expect(run.isCleanFailure(naming: "1024 images", "GB of memory", "are available"), "\(run)")
  }

  @Test func anEvaluationThatDoesNotFitIsRefused() throws {
    try Files.withScratch { folder in
      let list = try list(in: folder, count: 200)
      let output = folder.appending(path: "run").path
      let trained = try Tool.run([
        "train", "--data", list, "--model", "cifar_mobilenet_v3_small", "--width", "0.25", "--recipe",
        "quick",
        "--epochs", "1", "--batch", "16", "--threads", "1", "--output", output,
      ])
      #expect(trained.status == 0, "\(trained)")
      let run = try Tool.run(
        [
          "evaluate", "--data", list, "--weights", "\(output)/model.safetensors", "--resolution", "4096",
          "--threads", "1",
        ], limitedToMegabytes: 3000)
      #expect(run.isCleanFailure(naming: "4096 pixels", "GB of memory", "are available"), "\(run)")
    }
  }
}
