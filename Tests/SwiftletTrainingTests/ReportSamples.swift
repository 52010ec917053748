// ReportSamples.swift: made-up runs that look like real ones, for tests of the report and for looking at it.

import Foundation
import SwiftletCore
import SwiftletData
import SwiftletTraining

enum ReportSamples {
  /// A generator of its own: the pages must stay the same when the library's changes.
  struct Noise {
    var state: UInt64
    /// From 0 to 1.
    mutating func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / Double(1 << 53)
    }
    /// Around 0, standard deviation about 1.
    mutating func normal() -> Double { (0..<12).reduce(-6) { sum, _ in sum + next() } }
  }

  static let cifar10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  static func records(_ epochs: Int, final: Double = 0.937, seed: UInt64 = 1) -> [EpochRecord] {
    var noise = Noise(state: seed)
    return (1...epochs).map { epoch in
      let t = Double(epoch) / Double(epochs)
      let learned = 1 - exp(-4.2 * t)
      let jitter = noise.normal() * 0.008 * (1.05 - t)
      let rate = 0.05 * (t < 0.1 ? t / 0.1 : 0.5 + 0.5 * cos(.pi * (t - 0.1) / 0.9))
      return EpochRecord(
        epoch: epoch, step: 391 * epoch, learningRate: rate,
        trainingLoss: 2.1 * exp(-3.4 * t) + 0.12 + noise.normal() * 0.008,
        trainingAccuracy: 0.3 + 0.665 * learned + noise.normal() * 0.003,
        validationLoss: 1.9 * exp(-3.8 * t) + 0.21 + 0.03 * t - jitter * 3,
        validationAccuracy: 0.33 + (final - 0.32) * learned + jitter,
        validationTop5: min(1, 0.8 + 0.198 * learned + jitter / 5),
        imagesPerSecond: 1480 + 40 * noise.normal() - (epoch == 1 ? 420 : 0),
        trainingSeconds: 33.8 + noise.next(),
        validationSeconds: 2.6, waitingShare: 0.012 + 0.004 * noise.next())
    }
  }

  /// A picture that could be of anything.
  static func picture(_ side: Int, _ height: Int? = nil, seed: UInt64) throws -> RGBImage {
    var noise = Noise(state: seed &* 77)
    for _ in 0..<5 { _ = noise.next() }
    let height = height ?? side
    let colors = (0..<4).map { _ in (0..<3).map { _ in 40 + 190 * noise.next() } }
    let (cx, cy, radius) = (0.3 + 0.4 * noise.next(), 0.35 + 0.3 * noise.next(), 0.2 + 0.15 * noise.next())
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<side {
        let (u, v) = (Double(x) / Double(side), Double(y) / Double(height))
        let inside = hypot(u - cx, v - cy) < radius
        for channel in 0..<3 {
          let ground = colors[0][channel] * (1 - v) + colors[1][channel] * v
          let value = inside ? colors[2][channel] * (1.2 - v) + colors[3][channel] * (v - 0.2) : ground
          pixels.append(UInt8(max(0, min(255, value + 6 * noise.normal()))))
        }
      }
    }
    return try RGBImage(width: side, height: height, pixels: pixels)
  }

  static func evaluation(_ classes: [String], perClass: Int, accuracy: Double, seed: UInt64 = 3) -> Evaluation
  {
    var noise = Noise(state: seed)
    var confusion = classes.map { _ in classes.map { _ in 0 } }
    var mistakes: [Evaluation.Mistake] = []
    var index = 0
    for label in classes.indices {
      let own = accuracy + 0.06 * noise.normal() * (1 - accuracy) * 4
      for _ in 0..<perClass {
        index += 1
        var prediction = label
        if noise.next() > own, classes.count > 1 {
          // Neighbors are taken for each other more often than others.
          let near = label % 2 == 0 ? min(label + 1, classes.count - 1) : label - 1
          let other = Int(noise.next() * Double(classes.count))
          prediction = noise.next() < 0.45 ? near : min(other, classes.count - 1)
          if prediction != label {
            mistakes.append(
              Evaluation.Mistake(
                index: index, name: "test_batch.bin#\(index)", label: label, prediction: prediction,
                probability: 1 - 0.5 * noise.next() * noise.next()))
          }
        }
        confusion[label][prediction] += 1
      }
    }
    mistakes.sort { $0.probability > $1.probability }
    let count = perClass * classes.count
    let right = classes.indices.reduce(0) { $0 + confusion[$1][$1] }
    return Evaluation(
      classes: classes, count: count, loss: 0.2391, top1: Double(right) / Double(count), top5: 0.9978,
      confusion: confusion, mistakes: Array(mistakes.prefix(100)), skipped: [])
  }

  static func gates(_ classes: Int, widths: [Int] = [16, 72, 96, 240, 240, 120, 144, 288, 576])
    -> [GateRecord]
  {
    var noise = Noise(state: 11)
    return widths.enumerated().map { depth, width in
      let common = (0..<width).map { _ in 0.5 + 0.16 * noise.normal() }
      let spread = 0.004 + 0.016 * Double(depth)
      return GateRecord(
        gate: "stages.\(depth / 3 + 1).\(depth % 3).squeeze",
        means: (0..<classes).map { _ in
          common.map { Float(max(0, min(1, $0 + spread * noise.normal()))) }
        })
    }
  }

  static func thumbnails(_ evaluation: Evaluation, side: Int, height: Int? = nil) throws -> [Int: RGBImage] {
    var thumbnails: [Int: RGBImage] = [:]
    for mistake in evaluation.mistakes.prefix(24) {
      thumbnails[mistake.index] = try picture(side, height, seed: UInt64(mistake.index))
    }
    return thumbnails
  }

  /// Pages by name: a full run, a hundred classes, and what goes wrong.
  static func reports() throws -> [(name: String, report: TrainingReport)] {
    let small = evaluation(cifar10, perClass: 1000, accuracy: 0.935)
    let names = (0..<100).map {
      ["maple tree", "otter", "lawn mower", "pickup truck", "sweet pepper"][$0 % 5] + " \($0)"
    }
    let large = evaluation(names, perClass: 100, accuracy: 0.71)
    var broken = records(24, seed: 5)
    for epoch in [6, 7, 8, 15] { broken[epoch].trainingLoss = .nan }
    broken[15].validationLoss = .infinity
    for epoch in 10..<13 {
      broken[epoch].validationLoss = nil
      broken[epoch].validationAccuracy = nil
    }
    let odd = evaluation(
      [
        "<script>alert(1)</script>", "\"quoted\" & 'single'",
        String(repeating: "a very long class name ", count: 5),
        "naïve 猫 🐈", "",
      ], perClass: 40, accuracy: 0.8)
    return [
      (
        "cifar10",
        TrainingReport(
          title: "MobileNetV3-Small on CIFAR-10", network: "mobilenet_v3_small", dataset: "CIFAR-10",
          configuration: [
            ("network", "mobilenet_v3_small"), ("data", "cifar10"), ("batch", "128"), ("epochs", "60"),
            ("optimizer", "SGD, momentum 0.9, weight decay 5e-4"),
            ("schedule", "cosine from 0.05, warm-up of 6 epochs"), ("augmentation", "pad 4, crop 32, flip"),
            ("seed", "1"), ("threads", "2"),
          ],
          records: records(60), evaluation: small, gates: gates(10),
          thumbnails: try thumbnails(small, side: 32),
          skipped: [
            SkippedFile(
              name: "train/cat/0012.jpg", reason: "truncated JPEG: the file ends before the picture does"),
            SkippedFile(name: "train/dog/notes.txt", reason: "not a JPEG, PNG, WebP or BMP image"),
          ])
      ),
      (
        "hundred",
        TrainingReport(
          title: "SE-ResNet-20 on CIFAR-100", network: "se_resnet20", dataset: "CIFAR-100",
          configuration: [("network", "se_resnet20")], records: records(300, final: 0.715),
          evaluation: large, gates: gates(100, widths: [16, 16, 16, 32, 32, 32, 64, 64, 64, 2048]),
          thumbnails: try thumbnails(large, side: 300, height: 200))
      ),
      (
        "trouble",
        TrainingReport(
          title: "A run with <b>trouble</b> & \"quotes\"", network: "tiny'net", dataset: "odd/<names>",
          configuration: [("label <smoothing>", "0.1 & \"more\"")], records: broken, evaluation: odd,
          gates: [
            GateRecord(gate: "a<b>", means: [[0.1, .nan, 3], [0.2, 0.3]]),
            GateRecord(gate: "empty", means: []),
          ],
          thumbnails: try thumbnails(odd, side: 8, height: 24),
          skipped: [
            SkippedFile(name: "<img src=x onerror=alert(1)>.jpg", reason: "a \"reason\"\nof two lines")
          ],
          notes: ["The run was stopped after epoch 24 and can be resumed."])
      ),
      ("none", TrainingReport(title: "Nothing", network: "tiny", dataset: "a folder", notes: ["It failed."])),
      (
        "one",
        TrainingReport(
          title: "One epoch", network: "tiny", dataset: "a folder", records: records(1),
          evaluation: evaluation(["thing"], perClass: 5, accuracy: 1))
      ),
    ]
  }
}
