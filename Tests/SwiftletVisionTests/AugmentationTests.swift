// AugmentationTests.swift: sizes, bounds and determinism of augmentation, and that a list of it is data.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

/// A picture without structure, the same for the same seed.
func noise(_ width: Int, _ height: Int, seed: UInt64 = 1) throws -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  return try RGBImage(
    width: width, height: height,
    pixels: (0..<(3 * width * height)).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
}

@Suite struct AugmentationTests {
  private let all: [Augmentation] = [
    .randomResizedCrop(scale: 0.01...0.1), .padAndCrop(4), .horizontalFlip,
    .colorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1),
    .randAugment(operations: 2, magnitude: 9), .randomErasing(probability: 0.5),
  ]

  @Test func theResultHasTheResolutionAndIsAFunctionOfTheSeed() throws {
    let preprocessing = Preprocessing.torchvision(resolution: 24)
    for (width, height) in [(24, 24), (1, 1), (40, 30), (7, 300), (300, 7)] {
      let image = try noise(width, height)
      for list in all.map({ [$0] }) + [all, all.reversed()] {
        var different = false
        for seed in 0..<20 as Range<UInt64> {
          var (first, second) = (SeededGenerator(seed: seed), SeededGenerator(seed: seed))
          var other = SeededGenerator(seed: seed + 1)
          let result = try preprocessing.augmented(image, by: list, using: &first)
          #expect(result.width == 24 && result.height == 24)
          #expect(try preprocessing.augmented(image, by: list, using: &second) == result)
          different = try different || preprocessing.augmented(image, by: list, using: &other) != result
        }
        #expect(different || width * height == 1, "\(list) \(width)×\(height)")
      }
    }
  }

  @Test func withoutAugmentationItIsTheEvaluationCrop() throws {
    let image = try noise(50, 40)
    var generator = SeededGenerator(seed: 1)
    for preprocessing in [Preprocessing.torchvision(resolution: 24), .tensorFlow(resolution: 24), .cifar()] {
      #expect(
        try preprocessing.augmented(image, by: [], using: &generator) == preprocessing.crop(image))
    }
  }

  @Test func paddingTakesPicturesOfTheResolutionAsTheyAre() throws {
    let image = try noise(32, 32)
    var generator = SeededGenerator(seed: 3)
    // Framing by 37 pixels would enlarge the picture.
    let preprocessing = Preprocessing(resolution: 32, framing: .shorterSide(pixels: 37))
    #expect(try preprocessing.augmented(image, by: [.padAndCrop(0)], using: &generator) == image)
    let framed = try preprocessing.augmented(noise(64, 64), by: [.padAndCrop(0)], using: &generator)
    #expect(try framed == preprocessing.crop(noise(64, 64)))
  }

  @Test func floatsAreThoseOfThePreprocessing() throws {
    let image = try noise(32, 32)
    var bgr = Preprocessing.cifar()
    bgr.channelOrder = .bgr
    for preprocessing in [Preprocessing.cifar(), bgr, .tensorFlow(resolution: 24), .slim(resolution: 24)] {
      var floats = [Float](repeating: 0, count: 3 * preprocessing.resolution * preprocessing.resolution)
      var generator = SeededGenerator(seed: 1)
      let plain = try InputWriter(preprocessing, [])
      _ = try floats.withUnsafeMutableBufferPointer { try plain.write(image, to: $0, using: &generator) }
      #expect(try floats == preprocessing.input(image).floats())
      // Padding by nothing changes nothing, but takes the other way, on bytes.
      guard preprocessing.filter == .bilinear, preprocessing.resolution == 32 else { continue }
      let padded = try InputWriter(preprocessing, [.padAndCrop(0)])
      _ = try floats.withUnsafeMutableBufferPointer { try padded.write(image, to: $0, using: &generator) }
      #expect(try floats == preprocessing.input(image).floats())
    }
  }

  @Test func aListIsData() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(
      decoding: try encoder.encode([Augmentation.padAndCrop(4), .horizontalFlip]), as: UTF8.self)
    #expect(text == #"[{"padAndCrop":{"padding":4}},{"horizontalFlip":{}}]"#)
    #expect(try JSONDecoder().decode([Augmentation].self, from: encoder.encode(all)) == all)
    let mixing: [Mixing] = [.mixup(alpha: 0.2), .cutMix(alpha: 1), .either(mixup: 0.2, cutMix: 1)]
    #expect(try JSONDecoder().decode([Mixing].self, from: encoder.encode(mixing)) == mixing)
  }

  @Test(arguments: [
    Augmentation.randomResizedCrop(scale: 0...1), .randomResizedCrop(scale: 0.5...2),
    .randomResizedCrop(ratio: 0...1), .randomResizedCrop(ratio: 1...(.infinity)), .padAndCrop(-1),
    .padAndCrop(5000),
    .colorJitter(brightness: -1), .colorJitter(contrast: .nan), .colorJitter(saturation: .infinity),
    .colorJitter(hue: 0.6), .randAugment(operations: -1), .randAugment(magnitude: 31),
    .randomErasing(probability: 1.5), .randomErasing(probability: .nan),
  ])
  func nonsenseIsRefused(_ augmentation: Augmentation) throws {
    let image = try noise(8, 8)
    var generator = SeededGenerator(seed: 1)
    let error = #expect(throws: VisionError.self) {
      try Preprocessing.cifar().augmented(image, by: [augmentation], using: &generator)
    }
    #expect(isOneLine(try #require(error), naming: "preprocessing: "))
  }

  // MARK: Single ones

  @Test func cropsKeepToScaleAndRatio() throws {
    var generator = SeededGenerator(seed: 5)
    let crop = RandomResizedCrop()
    var smallest = 1.0
    var largest = 0.0
    for _ in 0..<2000 {
      let part = crop.part(width: 320, height: 240, using: &generator)
      #expect(part.x >= 0 && part.y >= 0 && part.x + part.width <= 320 && part.y + part.height <= 240)
      let share = Double(part.width * part.height) / (320 * 240)
      let ratio = Double(part.width) / Double(part.height)
      #expect(share > 0.078 && share <= 1 && ratio > 0.74 && ratio < 1.35)
      (smallest, largest) = (min(smallest, share), max(largest, share))
    }
    #expect(smallest < 0.09 && largest > 0.9)
    // Nothing of the shape fits: the largest in the middle that has the nearest shape.
    #expect(crop.part(width: 1000, height: 30, using: &generator) == (480, 0, 40, 30))
    #expect(crop.part(width: 30, height: 1000, using: &generator) == (0, 480, 30, 40))
    let whole = RandomResizedCrop(scale: 1...1, ratio: 1...1)
    let image = try noise(16, 16)
    #expect(try whole.apply(image, resolution: 16, using: &generator) == image)
    #expect(
      try whole.apply(image, resolution: 8, using: &generator)
        == image.resized(width: 8, height: 8, filter: .bilinear))
  }

  @Test func mirroring() throws {
    let image = try RGBImage(width: 3, height: 2, pixels: (0..<18).map(UInt8.init))
    #expect(image.mirrored().pixels == [6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11])
    var generator = SeededGenerator(seed: 1)
    var flipped = 0
    for _ in 0..<1000 where HorizontalFlip().apply(image, using: &generator) != image { flipped += 1 }
    #expect((450...550).contains(flipped))
    #expect(HorizontalFlip(probability: 0).apply(image, using: &generator) == image)
    #expect(HorizontalFlip(probability: 1).apply(image, using: &generator) == image.mirrored())
  }

  @Test func shiftingIsPaddingAndCropping() throws {
    let image = try noise(5, 4)
    let padded = { (padding: Int) -> [[UInt8]] in
      (-padding..<(4 + padding)).map { row in
        (-padding..<(5 + padding)).flatMap { column -> [UInt8] in
          guard (0..<4).contains(row), (0..<5).contains(column) else { return [0, 0, 0] }
          let start = 3 * (5 * row + column)
          return Array(image.pixels[start..<(start + 3)])
        }
      }
    }(7)
    for y in -7...7 {
      for x in -7...7 {
        let rows = padded[(y + 7)..<(y + 11)]
        #expect(image.shifted(x: x, y: y).pixels == rows.flatMap { $0[(3 * (x + 7))..<(3 * (x + 12))] })
      }
    }
    var generator = SeededGenerator(seed: 1)
    let some = (0..<500).map { _ in PadAndCrop(padding: 1).apply(image, using: &generator) }
    for x in -1...1 { for y in -1...1 { #expect(some.contains(image.shifted(x: x, y: y))) } }
    #expect(
      some.allSatisfy { result in
        (-1...1).contains { x in (-1...1).contains { result == image.shifted(x: x, y: $0) } }
      })
  }

  @Test func erasingPaintsOneRectangle() throws {
    let image = try RGBImage(width: 40, height: 30, pixels: [UInt8](repeating: 200, count: 3600))
    var generator = SeededGenerator(seed: 2)
    var erased = 0
    for _ in 0..<400 {
      let result = RandomErasing().apply(image, fill: [1, 2, 3], using: &generator)
      let changed = (0..<1200).filter { result.pixels[3 * $0] != 200 }
      guard let first = changed.first, let last = changed.last else { continue }
      erased += 1
      let (width, height) = (last % 40 - first % 40 + 1, last / 40 - first / 40 + 1)
      #expect(changed.count == width * height)
      #expect(changed.allSatisfy { result.pixels[(3 * $0)..<(3 * $0 + 3)] == [1, 2, 3] })
      #expect(changed.count > 15 && changed.count < 440)
    }
    #expect((160...240).contains(erased))
    // The network sees the mean there: 0 but for the rounding to a byte.
    let preprocessing = Preprocessing(resolution: 40, framing: .whole)
    let writer = try InputWriter(preprocessing, [.randomErasing(probability: 1)])
    var floats = [Float](repeating: 9, count: writer.count)
    _ = try floats.withUnsafeMutableBufferPointer { try writer.write(image, to: $0, using: &generator) }
    #expect(floats.contains { abs($0) < 0.01 } && floats.contains { $0 > 1 })
  }

  /// Photographs of CIFAR's size in a second on one thread, flipped, shifted and normalized. It is printed, not judged.
  @Test func speedOfSmallPictures() throws {
    let image = try noise(32, 32)
    let writer = try InputWriter(.cifar(), [.padAndCrop(4), .horizontalFlip])
    var generator = SeededGenerator(seed: 1)
    var floats = [Float](repeating: 0, count: writer.count)
    let start = ContinuousClock.now
    try floats.withUnsafeMutableBufferPointer { floats in
      for _ in 0..<20_000 { try writer.write(image, to: floats, using: &generator) }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print("CIFAR augmentation: \(Int(20_000 / seconds)) images/s on one thread")
  }
}
