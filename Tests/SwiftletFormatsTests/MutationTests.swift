// MutationTests.swift: files that were sound until bytes of them changed: read or refused, never a crash.

import Foundation
import SwiftletCore
import SwiftletFormats
import TestSupport
import Testing

@Suite(.serialized) struct MutationTests {
  @Test(arguments: [
    "all.safetensors", "plain.safetensors", "bare.zip.pth", "deflated.pth", "bare.legacy.pth",
  ])
  func flippedBitsAreReadOrRefused(file: String) throws {
    var bytes = try contents(file)
    var refused = 0
    for index in bytes.indices {
      for bit in 0..<8 {
        bytes[index] ^= 1 << bit
        if !outcome(bytes).isEmpty { refused += 1 }
        bytes[index] ^= 1 << bit
      }
    }
    #expect(refused > bytes.count)
  }

  @Test func flippedBitsInTheElementsOfAZipAreNoticed() throws {
    var bytes = try contents("bare.zip.pth")
    let weight = try #require(try ExpectedTensor.of("bare.zip.pth").first).bytes
    let range = try #require(bytes.firstRange(of: weight))
    for index in range {
      bytes[index] ^= 0x10
      #expect(outcome(bytes).contains("CRC error"))
      bytes[index] ^= 0x10
    }
  }

  @Test(arguments: [
    "all.safetensors", "plain.safetensors", "none.safetensors", "training.zip.2.pth", "training.zip.4.pth",
    "deflated.pth", "training.legacy.2.pth", "training.legacy.5.pth",
  ])
  func mutatedFilesAreReadOrRefused(file: String) throws {
    let original = try contents(file)
    #expect(outcome(original).isEmpty)
    fuzz(file) { random in mutate(original, &random) }
  }

  @Test func mutatedPicklesInASoundArchiveAreReadOrRefused() throws {
    // A zip's checksums keep most mutations from the pickle; here they are right.
    let pickle = PickleMaker().global("collections", "OrderedDict").op(")Rq\u{1}(").text("module.a")
      .tensor([2, 2], strides: [1, 2], count: 8).text("module.b").tensor([8], strides: [1], count: 8)
      .text("epoch").op("K\u{7}u").text("c").global("torch._utils", "_rebuild_parameter").op("(")
      .tensor([3], strides: [2], offset: 1, count: 8).raw([0x88]).op("}tRs.").bytes
    #expect(outcome(checkpoint(pickle, floats: 8)).isEmpty)
    fuzz("a pickle") { random in checkpoint(mutate(pickle, &random), floats: 8) }
  }

  /// Reads mutants for a second.
  private func fuzz(_ name: String, _ mutant: (inout SeededGenerator) -> [UInt8]) {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("mutations of \(name): seed \(seed)")
    var random = SeededGenerator(seed: seed, stream: name)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(1)
    var (tried, read) = (0, 0)
    while clock.now < end {
      let line = outcome(mutant(&random))
      if !line.isEmpty, !line.hasPrefix("memory/mutant: ") { Issue.record("seed \(seed): \(line)") }
      tried += 1
      if line.isEmpty { read += 1 }
    }
    print("\(name): \(tried) mutants, \(read) of them read")
    #expect(tried > 0)
  }

  /// Reads a file of these bytes, and every element of it. Empty, or the one line that refuses it.
  private func outcome(_ bytes: [UInt8]) -> String {
    message(under: "memory") {
      let storage = bytes.withUnsafeBytes { source in
        TensorStorage(byteCount: source.count) { $0.copyMemory(from: source) }
      }
      let contents = try WeightFile.read(MappedFile(path: "memory/mutant", storage: storage))
      for (_, tensor) in contents.tensors { _ = tensor.doubles() }
    }
  }

  private func contents(_ file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: golden(file))))
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
}
