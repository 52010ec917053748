// RealWeightsTests.swift: published MobileNetV2 weights on real photographs, against PyTorch.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite(.enabled(if: Files.hasShared, "needs ../shared/data"))
struct RealWeightsTests {
  static func classifier() throws -> Classifier {
    let path = try #require(Files.shared("data/weights/imagenet/mobilenet_v2-b0353104.pth")).path
    return try Classifier(Model(contentsOf: path))
  }

  @Test func logitsOnTheGoldenCropsAreThoseOfPyTorch() throws {
    let classifier = try Self.classifier()
    let crops = try readNumpy(#require(Files.shared("data/golden/torchvision_crop224_uint8.npy")))
    let golden = try readNumpy(
      #require(Files.shared("data/golden/mobilenet_v2-b0353104_logits_f32.npy")))
    #expect(crops.shape == [20, 224, 224, 3] && golden.shape == [20, 1000])
    var preprocessing = classifier.model.preprocessing
    preprocessing.framing = .whole
    for index in 0..<20 {
      let size = 224 * 224 * 3
      let pixels = crops.values[(index * size)..<((index + 1) * size)].map { UInt8($0) }
      let input = try preprocessing.input(RGBImage(width: 224, height: 224, pixels: pixels))
      let logits = try classifier.classify(input: input).logits.map(Double.init)
      let expected = Array(golden.values[(index * 1000)..<((index + 1) * 1000)])
      // PyTorch ran in float32, so this is its rounding as well as ours; 1e-4 is promised.
      let worst = disagreement(logits, expected, relativeToScale: 2e-5)
      #expect(worst == nil, "crop \(index): \(worst.map(String.init(describing:)) ?? "")")
    }
  }

  /// What half precision costs, as its documentation says.
  @Test func weightsInHalfPrecisionMoveLogitsByLittle() throws {
    let exact = try Self.classifier()
    var half = CPUBackend.automatic
    half.weightPrecision = .half
    let halved = try Classifier(exact.model, engine: half)
    let folder = try #require(Files.shared("data/images/imagenet100_orig"))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    var (worst, changed) = (0.0, 0)
    for file in files {
      let image = try RGBImage(contentsOf: folder.appending(path: file).path)
      let (a, b) = (try exact(image), try halved(image))
      let scale = a.logits.map(abs).max() ?? 1
      worst = max(worst, Double(zip(a.logits, b.logits).map { abs($0 - $1) }.max() ?? 0) / Double(scale))
      if a.top(1)[0].index != b.top(1)[0].index { changed += 1 }
    }
    #expect(files.count == 100 && worst > 1e-6 && worst < 4e-3 && changed == 0, "\(worst), \(changed)")
  }

  struct Golden: Decodable {
    struct Photograph: Decodable {
      let file: String
      let top5: [Int]
      let probabilities: [Double]
      let gap: Double
    }
    let photographs: [Photograph]
  }

  @Test func aHundredPhotographsGetTorchvisionsAnswers() async throws {
    let classifier = try Self.classifier()
    let golden = try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: Files.golden("classify/mobilenet_v2.json")))
    let folder = try #require(Files.shared("data/images/imagenet100_orig"))
    #expect(golden.photographs.count == 100)
    // From many tasks at once: a classifier is Sendable.
    let answers = try await withThrowingTaskGroup(of: (Int, [Prediction]).self) { group in
      for (index, photograph) in golden.photographs.enumerated() {
        group.addTask {
          (index, try classifier(RGBImage(contentsOf: folder.appending(path: photograph.file).path)).top(5))
        }
      }
      return try await group.reduce(into: [Int: [Prediction]]()) { $0[$1.0] = $1.1 }
    }
    var sameSets = 0
    for (index, photograph) in golden.photographs.enumerated() {
      let ours = try #require(answers[index])
      #expect(ours[0].index == photograph.top5[0], "\(photograph.file)")
      if Set(ours.map(\.index)) == Set(photograph.top5) { sameSets += 1 }
      #expect(abs(ours[0].probability - photograph.probabilities[0]) < 1e-4, "\(photograph.file)")
      #expect(ours[0].label == Labels.imageNet[ours[0].index])
    }
    #expect(sameSets >= 99)
  }
}
