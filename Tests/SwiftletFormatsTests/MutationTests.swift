// MutationTests.swift: files that were sound until bytes of them changed: read or refused, never a crash.

import Foundation
import SwiftletCore
import SwiftletFormats
import TestSupport
import Testing

@Suite(.serialized) struct MutationTests {
  @Test(arguments: ["all.safetensors", "plain.safetensors"])
  func flippedBitsInASafetensorsFileAreReadOrRefused(file: String) throws {
    try flipEveryBit(file) { _ = try SafetensorsFile(contentsOf: $0).tensors.map { $0.tensor.doubles() } }
  }

  @Test(arguments: ["bare.zip.pth", "deflated.pth", "bare.legacy.pth"])
  func flippedBitsInACheckpointAreReadOrRefused(file: String) throws {
    try flipEveryBit(file) { _ = try PyTorchCheckpoint(contentsOf: $0).tensors.map { $0.tensor.doubles() } }
  }

  @Test func flippedBitsInTheElementsOfAZipAreNoticed() throws {
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: golden("bare.zip.pth"))))
    let weight = try #require(try ExpectedTensor.of("bare.zip.pth").first).bytes
    let range = try #require(bytes.firstRange(of: weight))
    for index in range {
      bytes[index] ^= 0x10
      #expect(try checkpointRefusal(bytes).contains("CRC error"))
      bytes[index] ^= 0x10
    }
  }

  @Test(arguments: [
    "all.safetensors", "plain.safetensors", "none.safetensors", "training.zip.2.pth", "training.zip.4.pth",
    "deflated.pth", "training.legacy.2.pth", "training.legacy.5.pth",
  ])
  func mutatedFilesAreReadOrRefused(file: String) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("mutations of \(file): seed \(seed)")
    var random = SeededGenerator(seed: seed, stream: file)
    let original = [UInt8](try Data(contentsOf: URL(filePath: golden(file))))
    try Files.withScratch { folder in
      let path = folder.appending(path: "mutant").path
      let clock = ContinuousClock()
      let end = clock.now + .seconds(1)
      var tried = 0
      while clock.now < end {
        let mutant = mutate(original, &random)
        try Data(mutant).write(to: URL(filePath: path))
        let line = message(under: folder) {
          _ = try WeightFile.read(path).tensors.map { $0.tensor.doubles() }
        }
        if !line.isEmpty, !line.hasPrefix("mutant: ") { Issue.record("seed \(seed): \(line)") }
        tried += 1
      }
      print("\(file): \(tried) mutants")
      #expect(tried > 100)
    }
  }

  /// Changes a few bytes, cuts, repeats or inserts a piece, or puts an extreme number somewhere.
  private func mutate(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let position = Int.random(in: bytes.indices, using: &random)
      let length = min(Int.random(in: 1...64, using: &random), bytes.count - position)
      switch Int.random(in: 0..<7, using: &random) {
      case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
      case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes.removeSubrange(position..<(position + length))
      case 3: bytes.insert(contentsOf: bytes[position..<(position + length)], at: position)
      case 4:
        let extremes: [UInt64] = [
          0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, UInt64(Int64.max), .max, 1 << 60,
        ]
        let number = littleEndian(extremes.randomElement(using: &random) ?? 0)
        let width = min([1, 2, 4, 8].randomElement(using: &random) ?? 1, bytes.count - position)
        bytes.replaceSubrange(position..<(position + width), with: number[..<width])
      case 5:
        let digits = Array("99999999999999999999".utf8)
        bytes.insert(contentsOf: digits.prefix(length), at: position)
      default:
        let opcodes =
          Array("(.012)]}tlduesaQRbcioPqrhjNKMJGXU\u{0}".utf8) + [0x80, 0x85, 0x86, 0x87, 0x8A, 0x93, 0x94]
        bytes[position] = opcodes.randomElement(using: &random) ?? 0
      }
    }
    return bytes
  }

  private func flipEveryBit(_ file: String, _ read: (String) throws -> Void) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: golden(file))))
    try Files.withScratch { folder in
      let path = folder.appending(path: "flipped").path
      try Data(bytes).write(to: URL(filePath: path))
      let handle = try FileHandle(forWritingTo: URL(filePath: path))
      defer { try? handle.close() }
      func set(_ index: Int, _ byte: UInt8) throws {
        try handle.seek(toOffset: UInt64(index))
        try handle.write(contentsOf: [byte])
      }
      var refused = 0
      for index in bytes.indices {
        for bit in 0..<8 {
          try set(index, bytes[index] ^ 1 << bit)
          if !message(under: folder, { try read(path) }).isEmpty { refused += 1 }
        }
        try set(index, bytes[index])
      }
      #expect(refused > bytes.count)
    }
  }
}
