// FuzzTests.swift: damaged files of every kind, for a few seconds each: an error or a picture, never a crash.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite(.serialized) struct FuzzTests {
  /// Damages a file in one of a few ways.
  private func mutate(_ bytes: [UInt8], with random: inout SeededGenerator) -> [UInt8] {
    var result = bytes
    let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      guard !result.isEmpty else { return result }
      // Headers are where the decisions are made.
      let limit = Bool.random(using: &random) ? min(result.count, 120) : result.count
      let position = Int.random(in: 0..<limit, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: result[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: result[position] = UInt8.random(in: 0...255, using: &random)
      case 2: result[position] = interesting.randomElement(using: &random) ?? 0
      case 3: result.removeSubrange(position..<min(result.count, position + 9))
      case 4: result.insert(contentsOf: result[position..<min(result.count, position + 7)], at: position)
      default: result = Array(result.prefix(position + 1))
      }
    }
    return result
  }

  /// Decodes damaged copies of `files` until the time is over.
  private func fuzz(_ files: [[UInt8]], seed: UInt64, decode: ([UInt8]) throws -> Void) throws {
    print("fuzz seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let start = ContinuousClock.now
    var (failures, successes) = (0, 0)
    // Three seconds; longer where the machine is busy with other things.
    while start.duration(to: .now) < ((failures > 100 && successes > 10) ? .seconds(3) : .seconds(60)) {
      let file = try #require(files.randomElement(using: &random))
      do {
        try decode(mutate(file, with: &random))
        successes += 1
      } catch {
        failures += 1
        #expect(isOneLine(error, naming: "fuzz: "), "seed \(seed): \(error)")
      }
    }
    print("\(failures) refused, \(successes) decoded")
    #expect(failures > 100 && successes > 10)
  }

  @Test(arguments: ["jpg", "png", "webp", "bmp"])
  func damagedPicturesNeverCrash(kind: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Files.golden("vision/files").path)
    let files = try names.filter { $0.hasPrefix(kind) }.sorted().map { try Golden.bytes("files/\($0)") }
    let seed = UInt64.random(in: 0...UInt64.max)
    try fuzz(files, seed: seed) { bytes in
      // A damaged header may well announce a large picture; it is decoded as far as its bytes go.
      let image = try RGBImage(decoding: bytes, name: "fuzz")
      #expect(image.pixels.count == 3 * image.width * image.height)
      if image.pixels.count < 100_000 {
        #expect(try Preprocessing.torchvision(resolution: 8).crop(image).width == 8)
      }
    }
  }

  @Test(arguments: ImageFormat.allCases.filter { $0.isDecoded && ![.jpeg, .png, .webP, .bmp].contains($0) })
  func damagedPicturesOfFurtherFormatsNeverCrash(format: ImageFormat) throws {
    let files = try FormatGolden.entries(format).map { try FormatGolden.bytes($0.file) }
    try fuzz(files, seed: UInt64.random(in: 0...UInt64.max)) { bytes in
      let image = try RGBImage(decoding: bytes, name: "fuzz")
      #expect(image.pixels.count == 3 * image.width * image.height)
    }
  }

  @Test func damagedArraysNeverCrash() throws {
    let folder = Files.golden("vision/arrays")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .map { try Golden.bytes("arrays/\($0)") }
    try fuzz(files, seed: UInt64.random(in: 0...UInt64.max)) { bytes in
      let tensor = try NumpyFile.decode(bytes, name: "fuzz")
      #expect(tensor.doubles().count == tensor.count)
    }
  }

  @Test func damagedOrientationsNeverCrash() throws {
    let names = ["jpg_orientation6.jpg", "jpg_orientation_split.jpg", "jpg_orientation_xmp.jpg"]
    let files = try names.map { try Golden.bytes("files/\($0)") }
    var random = SeededGenerator(seed: 11)
    for file in files {
      for _ in 0..<3000 {
        // Only the metadata are damaged, so the picture is always there, turned or not.
        var bytes = file
        let segment = 12..<26
        for _ in 0..<3 {
          bytes[Int.random(in: segment, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let image = try RGBImage(decoding: bytes, name: "fuzz")
        #expect([image.width, image.height].sorted() == [5, 7])
      }
    }
  }
}
