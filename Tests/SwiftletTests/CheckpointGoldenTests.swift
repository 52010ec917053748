// CheckpointGoldenTests.swift: checkpoints that training tools wrote (Scripts/goldens/checkpoints.py), with PyTorch's logits.

import Foundation
import SwiftletFormats
import SwiftletModules
import TestSupport
import Testing

@Suite struct CheckpointGoldenTests {
  /// An entry of the manifest.
  struct Golden: Decodable, CustomTestStringConvertible, Sendable {
    struct Other: Decodable, Sendable {
      let key: String
      let logits: [Double]
    }
    let file: String, network: String
    let dialect: Dialect
    let classes: Int
    let notes: [String]
    let logits: [Double]
    let other: Other?
    var testDescription: String { file }
  }

  static let goldens: [Golden] =
    (try? JSONDecoder().decode(
      [Golden].self, from: Data(contentsOf: Files.golden("checkpoints/manifest.json")))) ?? []

  /// The bytes of a file of the archive.
  static func mapped(_ name: String) throws -> MappedFile {
    let archive = try ZipArchive(MappedFile(contentsOf: Files.golden("checkpoints/files.zip").path))
    let entry = try #require(archive.entries.first { $0.name == name })
    return MappedFile(path: name, storage: try archive.read(entry))
  }

  /// The input of the script: 64×64, drawn as NHWC.
  static func input() throws -> Tensor {
    var generator = SeededGenerator(seed: 7, stream: "input")
    return try Tensor(
      shape: [1, 64, 64, 3], floats: (0..<(64 * 64 * 3)).map { _ in Float(2 * generator.uniform() - 1) })
  }

  @Test func everyFileOfTheArchiveIsCompared() throws {
    let archive = try ZipArchive(MappedFile(contentsOf: Files.golden("checkpoints/files.zip").path))
    #expect(archive.entries.map(\.name) == Self.goldens.map(\.file))
    #expect(Self.goldens.count >= 35)
  }

  @Test(arguments: goldens) func logitsAreThoseOfPyTorch(golden: Golden) throws {
    var notes: [String] = []
    let file = try Self.mapped(golden.file)
    func model(_ stateDict: String?) throws -> Model {
      try Model.model(
        WeightFile.read(file, stateDict: stateDict), of: golden.file, options: ZooOptions(resolution: 64),
        stateDict: stateDict
      ) { notes.append($0) }
    }
    let read = try model(nil)
    #expect(read.name == golden.network && read.classes == golden.classes)
    #expect(read.architecture?.dialect == golden.dialect)
    try compare(read, golden.logits, golden.file)
    let isSound = notes.allSatisfy { note in
      note.hasPrefix(golden.file + ": ") && !note.contains { $0.isNewline }
    }
    #expect(isSound)
    for part in golden.notes { #expect(notes.contains { $0.contains(part) }, "\(part): \(notes)") }
    if golden.notes.isEmpty { #expect(notes.isEmpty, "\(notes)") }
    if let other = golden.other { try compare(model(other.key), other.logits, "\(golden.file) \(other.key)") }
  }

  private func compare(_ model: Model, _ logits: [Double], _ name: String) throws {
    let actual = try Classifier(model).classify(input: Self.input()).logits.map(Double.init)
    // A single logit may be much smaller than the sum's terms.
    let scale = max(logits.map(abs).max() ?? 0, 10)
    let worst = disagreement(actual, logits, absolute: 1e-4 * scale, relative: 0)
    #expect(worst == nil, "\(name): \(worst.map(String.init(describing:)) ?? "")")
  }

  @Test func oneLogitIsASigmoid() throws {
    let golden = try #require(Self.goldens.first { $0.file == "one_logit.pth" })
    let model = try Model.model(
      WeightFile.read(Self.mapped(golden.file)), of: golden.file, options: ZooOptions(resolution: 64))
    let classification = try Classifier(model).classify(input: Self.input())
    let expected = 1 / (1 + exp(-golden.logits[0]))
    #expect(abs(classification.probabilities[0] - expected) < 1e-3)
    #expect(classification.probabilities[0] > 0 && classification.probabilities[0] < 1)
  }
}
