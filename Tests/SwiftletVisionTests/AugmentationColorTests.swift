// AugmentationColorTests.swift: the single changes of color and place on pictures small enough to work out by hand.

import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite struct AugmentationColorTests {
  /// Gray pixels, row by row.
  private func gray(_ width: Int, _ values: [UInt8]) throws -> RGBImage {
    try RGBImage(width: width, height: values.count / width, pixels: values.flatMap { [$0, $0, $0] })
  }

  private func red(_ image: RGBImage) -> [UInt8] {
    stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
  }

  @Test func ofStrengthOneAllAreTheIdentity() throws {
    let image = try noise(20, 10)
    #expect(image.brightened(by: 1) == image)
    #expect(image.contrasted(by: 1) == image)
    #expect(image.saturated(by: 1) == image)
    #expect(image.sharpened(by: 1) == image)
    #expect(image.shearedX(0) == image && image.shearedY(0) == image && image.rotated(degrees: 0) == image)
    #expect(image.posterized(bits: 8) == image && image.solarized(from: 256) == image)
    var generator = SeededGenerator(seed: 1)
    #expect(ColorJitter().apply(image, using: &generator) == image)
    // The way to hues and back does not always meet a byte again, in torchvision neither; it stays within one.
    for turns in [0.0, 1, -1] {
      let back = image.hueShifted(by: turns)
      #expect(zip(back.pixels, image.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }
  }

  @Test func colors() throws {
    let image = try RGBImage(width: 2, height: 1, pixels: [200, 100, 50, 10, 20, 255])
    #expect(image.brightened(by: 1.5).pixels == [255, 150, 75, 15, 30, 255])
    #expect(image.brightened(by: 0).pixels == [0, 0, 0, 0, 0, 0])
    // Grays: 0.2989 · 200 + 0.587 · 100 + 0.114 · 50 = 124.18; 0.2989 · 10 + 0.587 · 20 + 0.114 · 255 = 43.799.
    #expect(image.saturated(by: 0).pixels == [124, 124, 124, 43, 43, 43])
    #expect(image.saturated(by: 0.5).pixels == [162, 112, 87, 26, 31, 149])
    // The mean gray is 83.5.
    #expect(image.contrasted(by: 0).pixels == [83, 83, 83, 83, 83, 83])
    #expect(image.contrasted(by: 2).pixels == [255, 116, 16, 0, 0, 255])
  }

  @Test func hues() throws {
    let image = try RGBImage(width: 3, height: 1, pixels: [255, 0, 0, 0, 255, 0, 90, 90, 90])
    #expect(image.hueShifted(by: 1.0 / 3).pixels == [0, 255, 0, 0, 0, 255, 90, 90, 90])
    #expect(image.hueShifted(by: -1.0 / 3).pixels == [0, 0, 255, 255, 0, 0, 90, 90, 90])
    #expect(image.hueShifted(by: 0.5).pixels == [0, 255, 255, 255, 0, 255, 90, 90, 90])
  }

  @Test func sharpness() throws {
    let image = try gray(3, [10, 20, 30, 40, 50, 60, 70, 80, 103])
    // (10 + 20 + 30 + 40 + 5 · 50 + 60 + 70 + 80 + 103) / 13 = 51: only the middle changes.
    #expect(red(image.sharpened(by: 0)) == [10, 20, 30, 40, 51, 60, 70, 80, 103])
    #expect(red(image.sharpened(by: 3)) == [10, 20, 30, 40, 48, 60, 70, 80, 103])
    let small = try gray(2, [1, 2, 3, 4, 5, 6])
    #expect(small.sharpened(by: 0) == small)
  }

  @Test func bits() throws {
    let image = try gray(4, [0, 100, 200, 255])
    #expect(red(image.posterized(bits: 4)) == [0, 96, 192, 240])
    #expect(red(image.posterized(bits: 1)) == [0, 0, 128, 128])
    #expect(red(image.posterized(bits: 0)) == [0, 0, 0, 0])
    #expect(red(image.solarized(from: 200)) == [0, 100, 55, 0])
    #expect(red(image.solarized(from: 0)) == [255, 155, 55, 0])
  }

  @Test func stretching() throws {
    #expect(red(try gray(4, [50, 75, 100, 150]).autoContrasted()) == [0, 63, 127, 255])
    let flat = try gray(2, [70, 70])
    #expect(flat.autoContrasted() == flat && flat.equalized() == flat)
    // 512 pixels of 100 and 256 each of 110 and 120: a step of (1024 − 256) / 255 = 3 pixels.
    let image = try gray(32, [100, 100, 110, 120].flatMap { [UInt8](repeating: $0, count: 256) })
    let equalized = Set(red(image.equalized()))
    #expect(equalized == [0, UInt8((512 + 1) / 3), 255])
  }

  @Test func places() throws {
    let image = try gray(3, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    // Row y looks y + 0.5 times the shear further to the right.
    #expect(red(image.shearedX(1)) == [2, 3, 0, 6, 0, 0, 0, 0, 0])
    #expect(red(image.shearedX(0.4)) == [1, 2, 3, 5, 6, 0, 8, 9, 0])
    // Column x looks x + 0.5 times the shear further down.
    #expect(red(image.shearedY(0.4)) == [1, 5, 6, 4, 8, 9, 7, 0, 0])
    #expect(red(image.rotated(degrees: 90)) == [3, 6, 9, 2, 5, 8, 1, 4, 7])
    #expect(red(image.rotated(degrees: -90)) == [7, 4, 1, 8, 5, 2, 9, 6, 3])
    #expect(red(image.rotated(degrees: 180)) == [9, 8, 7, 6, 5, 4, 3, 2, 1])
  }

  @Test func strengthsAreTorchvisions() throws {
    let image = try noise(331, 40)
    func at(_ magnitude: Int, _ operation: RandAugment.Operation, _ isNegative: Bool = false) -> RGBImage {
      RandAugment(magnitude: magnitude).apply(operation, isNegative: isNegative, to: image)
    }
    #expect(RandAugment.Operation.allCases.count == 14)
    #expect(at(9, .identity) == image && at(0, .rotate) == image && at(0, .brightness) == image)
    #expect(at(30, .translateX) == image.shifted(x: -150, y: 0))
    #expect(at(9, .translateX, true) == image.shifted(x: 45, y: 0))
    #expect(at(30, .translateY) == image.shifted(x: 0, y: -18))
    #expect(at(30, .rotate, true) == image.rotated(degrees: -30))
    #expect(at(10, .shearX) == image.shearedX(0.1))
    #expect(at(10, .contrast, true) == image.contrasted(by: 0.7))
    #expect(at(30, .posterize) == image.posterized(bits: 4))
    #expect(at(9, .posterize) == image.posterized(bits: 7))
    #expect(at(0, .solarize) == image.solarized(from: 255) && at(30, .solarize) == image.solarized(from: 0))
    var generator = SeededGenerator(seed: 1)
    #expect(RandAugment(operations: 0).apply(image, using: &generator) == image)
  }

  /// The table of torchvision's TrivialAugmentWide with 31 strengths.
  @Test func trivialAugmentsStrengthsAreTorchvisions() throws {
    let image = try noise(331, 40)
    func at(_ strength: Int, _ operation: RandAugment.Operation, _ isNegative: Bool = false) -> RGBImage {
      TrivialAugment().applied(operation, strength: strength, isNegative: isNegative, to: image).image
    }
    #expect(at(30, .translateX) == image.shifted(x: -32, y: 0))
    #expect(at(15, .translateY, true) == image.shifted(x: 0, y: 16))
    #expect(at(30, .rotate, true) == image.rotated(degrees: -135))
    #expect(at(10, .shearX) == image.shearedX(0.33))
    #expect(at(30, .brightness, true) == image.brightened(by: 0.01))
    #expect(at(30, .contrast) == image.contrasted(by: 1.99))
    #expect(at(30, .posterize) == image.posterized(bits: 2) && at(5, .posterize) == image.posterized(bits: 7))
    #expect(at(30, .solarize) == image.solarized(from: 0))
    for operation in RandAugment.Operation.allCases
    where operation.rawValue != "autoContrast" && operation.rawValue != "equalize" {
      if operation != .solarize { #expect(at(0, operation) == image, "\(operation)") }
    }
    // All operations and both directions are drawn, and the same generator gives the same image.
    var results: Set<[UInt8]> = []
    for seed in 0..<200 {
      var (a, b) = (SeededGenerator(seed: UInt64(seed)), SeededGenerator(seed: UInt64(seed)))
      let small = try noise(8, 8)
      let result = TrivialAugment().applied(to: small, using: &a).image
      #expect(result == TrivialAugment().applied(to: small, using: &b).image)
      results.insert(result.pixels)
    }
    #expect(results.count > 60)
  }

  // MARK: Batches

  private func batch(_ count: Int, side: Int = 8) throws -> (images: Tensor, targets: Tensor) {
    let images = (0..<count).flatMap { [Float](repeating: Float($0), count: 3 * side * side) }
    let targets = (0..<(count * count)).map { Float($0 / count == $0 % count ? 1 : 0) }
    return try (
      Tensor(shape: [count, side, side, 3], floats: images), Tensor(shape: [count, count], floats: targets)
    )
  }

  @Test func mixupMixesPixelsAsTargets() throws {
    let (images, targets) = try batch(4)
    for seed in 0..<20 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let mixed = try Mixing.mixup(alpha: 0.4).mixed(images: images, targets: targets, using: &generator)
      let (pixels, classes) = (mixed.images.floats(), mixed.targets.floats())
      let share = classes[0]
      #expect(share >= 0 && share <= 1)
      for index in 0..<4 {
        let other = (index + 3) % 4
        #expect(classes[4 * index + index] == share && classes[4 * index + other] == 1 - share)
        let expected = share * Float(index) + (1 - share) * Float(other)
        #expect(pixels[(192 * index)..<(192 * (index + 1))].allSatisfy { $0 == expected })
      }
    }
  }

  @Test func cutMixPastesAsMuchAsTheTargetsSay() throws {
    let (images, targets) = try batch(3, side: 16)
    var shares: Set<Float> = []
    for seed in 0..<40 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let mixed = try Mixing.cutMix(alpha: 1).mixed(images: images, targets: targets, using: &generator)
      let (pixels, classes) = (mixed.images.floats(), mixed.targets.floats())
      shares.insert(classes[0])
      for index in 0..<3 {
        let own = pixels[(768 * index)..<(768 * (index + 1))]
        let pasted = own.filter { $0 == Float((index + 2) % 3) }.count
        #expect(own.filter { $0 == Float(index) }.count + pasted == 768)
        #expect(abs(classes[3 * index + index] - (1 - Float(pasted) / 768)) < 1e-6)
        #expect(abs(classes[3 * index + (index + 2) % 3] - Float(pasted) / 768) < 1e-6)
      }
    }
    #expect(shares.count > 10)
  }

  @Test func mixingOneIsTheIdentityAndNonsenseIsRefused() throws {
    let (images, targets) = try batch(1)
    var generator = SeededGenerator(seed: 1)
    let mixed = try Mixing.either(mixup: 0.2, cutMix: 1).mixed(
      images: images, targets: targets, using: &generator)
    #expect(mixed.images.floats() == images.floats() && mixed.targets.floats() == [1])
    for mixing in [Mixing.mixup(alpha: 0), .cutMix(alpha: -1), .either(mixup: 1, cutMix: .nan)] {
      #expect(throws: VisionError.self) {
        try mixing.mixed(images: images, targets: targets, using: &generator)
      }
    }
    let two = try batch(2).targets
    #expect(throws: VisionError.self) {
      try Mixing.mixup(alpha: 1).mixed(images: images, targets: two, using: &generator)
    }
  }

  @Test func theBetaDistributionHasItsMoments() throws {
    for alpha in [0.2, 1.0, 4.0] {
      var generator = SeededGenerator(seed: 7)
      let (images, targets) = try batch(2, side: 1)
      var values: [Double] = []
      for _ in 0..<4000 {
        let mixed = try Mixing.mixup(alpha: alpha).mixed(images: images, targets: targets, using: &generator)
        values.append(Double(mixed.targets.floats()[0]))
      }
      let mean = values.reduce(0, +) / 4000
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
      #expect(abs(mean - 0.5) < 0.03)
      #expect(abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.012)
    }
  }
}
