// TinyRun.swift: a network, photographs and a recipe so small that the reference backend trains them in a blink.

import Foundation
import SwiftletArchitectures
import SwiftletTraining
import TestSupport

/// Colored squares: the class is the color, with noise.
struct ColoredSquares: Dataset {
  let classes = ["red", "green", "blue"]
  let count: Int
  var seed: UInt64 = 1
  var broken: Set<Int> = []

  struct Broken: Error, CustomStringConvertible { var description: String { "broken" } }

  func name(_ index: Int) -> String { "square \(index)" }
  func label(_ index: Int) -> Int { index % 3 }
  func image(_ index: Int) throws -> RGBImage {
    if broken.contains(index) { throw Broken() }
    var generator = SeededGenerator(seed: seed, stream: UInt64(index))
    let pixels = (0..<(8 * 8 * 3)).map { position -> UInt8 in
      UInt8(generator.uniform(0, 120)) + (position % 3 == label(index) ? 90 : 0)
    }
    return try RGBImage(width: 8, height: 8, pixels: pixels)
  }
}

enum TinyRun {
  static let architecture = Architecture(
    "tiny", stem: .conv(4, stride: 2),
    stages: [
      [.mbconv(4, expand: .by(2), squeeze: .mobileNetV3)], [.mbconv(6, stride: 2, expand: .by(2))],
    ],
    head: Head(dropout: 0.2), classes: 3, resolution: 8)

  static let preprocessing = Preprocessing(
    resolution: 8, framing: .whole, mean: [0.5, 0.5, 0.5], standardDeviation: [0.3, 0.3, 0.3])

  static func recipe(epochs: Int = 3, _ change: (inout Recipe) -> Void = { _ in }) -> Recipe {
    var recipe = Recipe(
      epochs: epochs, batch: 6, learningRate: 0.1, schedule: Schedule(.cosine(), warmUp: 1),
      weightDecay: 1e-4, labelSmoothing: 0.05, augmentation: [.horizontalFlip], averageDecay: 0.9, seed: 7)
    change(&recipe)
    return recipe
  }

  static func data(_ count: Int = 24, validation: Int? = 9) -> DatasetSplit {
    DatasetSplit(
      training: ColoredSquares(count: count),
      validation: validation.map { ColoredSquares(count: $0, seed: 2) })
  }

  static func trainer(
    _ recipe: Recipe = recipe(), architecture: Architecture = architecture, data: DatasetSplit = data(),
    freeze: Freeze = .none, folder: URL? = nil, _ change: (inout Trainer.Options) -> Void = { _ in }
  ) throws -> Trainer {
    var options = Trainer.Options()
    options.validationBatch = 4
    change(&options)
    return try Trainer(
      .architecture(architecture),
      parameters: Parameters(initializing: architecture.graph(), seed: recipe.seed),
      backend: ReferenceBackend(), recipe: recipe, data: data, preprocessing: preprocessing, freeze: freeze,
      folder: folder?.path, options: options)
  }
}

extension RGBImage {
  /// The file of a BMP.
  func bitmap() -> [UInt8] {
    func little(_ value: Int, _ bytes: Int = 4) -> [UInt8] {
      (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let padding = (4 - 3 * width % 4) % 4
    var rows: [UInt8] = []
    for row in (0..<height).reversed() {
      for column in 0..<width {
        rows += (0..<3).reversed().map { pixels[3 * (row * width + column) + $0] }
      }
      rows += [UInt8](repeating: 0, count: padding)
    }
    return Array("BM".utf8) + little(54 + rows.count) + little(0) + little(54) + little(40) + little(width)
      + little(height) + little(1, 2) + little(24, 2) + little(0) + little(rows.count) + little(0) + little(0)
      + little(0) + little(0) + rows
  }
}

/// Whether two sets of parameters are the same to the bit.
func areIdentical(_ a: Parameters, _ b: Parameters) -> Bool {
  a.names == b.names
    && a.names.allSatisfy { name in
      guard let (x, y) = a[name].flatMap({ x in b[name].map { (x, $0) } }) else { return false }
      return x.shape == y.shape && x.floats().map(\.bitPattern) == y.floats().map(\.bitPattern)
    }
}
