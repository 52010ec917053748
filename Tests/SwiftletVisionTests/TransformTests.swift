// TransformTests.swift: transforms say where the pixels of an image go.

import SwiftletCore
import SwiftletVision
import Testing

@Suite struct TransformTests {
  /// A dark image with a bright square of 2·radius + 1 pixels around (x, y).
  private func marked(_ width: Int, _ height: Int, x: Int, y: Int, radius: Int = 1) throws -> RGBImage {
    var pixels = [UInt8](repeating: 0, count: 3 * width * height)
    for row in max(0, y - radius)...min(height - 1, y + radius) {
      for column in max(0, x - radius)...min(width - 1, x + radius) {
        for channel in 0..<3 { pixels[3 * (row * width + column) + channel] = 255 }
      }
    }
    return try RGBImage(width: width, height: height, pixels: pixels)
  }

  /// The center of what is bright, weighted by brightness; `nil` where too little of it is left.
  private func center(_ image: RGBImage, least: Double) -> (x: Double, y: Double)? {
    var (sum, x, y) = (0.0, 0.0, 0.0)
    for row in 0..<image.height {
      for column in 0..<image.width {
        let weight = Double(image.pixels[3 * (row * image.width + column)])
        sum += weight
        x += weight * (Double(column) + 0.5)
        y += weight * (Double(row) + 0.5)
      }
    }
    return sum < least ? nil : (x / sum, y / sum)
  }

  /// Marks many places, and compares where each is found with where the transform says. Places near the edge, of which
  /// the result has only a part, are passed over: also those that a first step cut and a later one moved by `border` pixels.
  private func check(
    _ width: Int, _ height: Int, radius: Int = 1, border: Int = 0, tolerance: Double, least: Double = 255,
    _ apply: (RGBImage) throws -> TransformedImage, location: SourceLocation = #_sourceLocation
  ) throws -> Int {
    var found = 0
    for y in stride(from: radius + 1, to: height - radius, by: 5) {
      for x in stride(from: radius + 1, to: width - radius, by: 5) {
        let result = try apply(try marked(width, height, x: x, y: y, radius: radius))
        let point = result.transform(x: Double(x) + 0.5, y: Double(y) + 0.5)
        let scale = max(result.transform.xx.magnitude, result.transform.yy.magnitude, 1)
        let margin = Double(radius + 2) * scale + Double(border)
        let size = (Double(result.image.width), Double(result.image.height))
        guard point.x > margin, point.x < size.0 - margin, point.y > margin, point.y < size.1 - margin else {
          continue
        }
        let seen = try #require(center(result.image, least: least), sourceLocation: location)
        #expect(
          abs(seen.x - point.x) < tolerance && abs(seen.y - point.y) < tolerance,
          "(\(x), \(y)): seen at \(seen), said to be at \(point)", sourceLocation: location)
        found += 1
      }
    }
    return found
  }

  @Test(arguments: [
    Preprocessing.torchvision(resolution: 48), .timm(resolution: 48), .tensorFlow(resolution: 48),
    .slim(resolution: 48), .slim(resolution: 48, halfPixelCenters: true), .cifar(resolution: 48),
    Preprocessing(resolution: 72, framing: .shorterSide(pixels: 50)),
  ])
  func preprocessingSaysWhereItMovesPixels(_ preprocessing: Preprocessing) throws {
    for (width, height) in [(60, 80), (100, 70)] {
      let found = try check(width, height, radius: 2, tolerance: 0.6, least: 20) {
        TransformedImage(try preprocessing.crop($0), try preprocessing.cropTransform(of: $0))
      }
      #expect(found > 5, "\(found)")
    }
  }

  @Test func everyGeometricAugmentationSaysWhereItMovesPixels() throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      func generator() -> SeededGenerator { SeededGenerator(seed: seed) }
      var found = try check(40, 30, tolerance: 1e-9) { image in
        var generator = generator()
        return HorizontalFlip().applied(to: image, using: &generator)
      }
      #expect(found > 10)
      found = try check(40, 30, tolerance: 1e-9) { image in
        var generator = generator()
        return PadAndCrop(padding: 6).applied(to: image, using: &generator)
      }
      #expect(found > 5)
      found = try check(60, 50, radius: 2, tolerance: 0.7, least: 20) { image in
        var generator = generator()
        return try RandomResizedCrop(scale: 0.4...1).applied(to: image, resolution: 40, using: &generator)
      }
      #expect(found > 3)
    }
  }

  @Test(arguments: RandAugment.Operation.allCases)
  func everyOperationOfRandAugmentSaysWhereItMovesPixels(_ operation: RandAugment.Operation) throws {
    // Strong changes of color leave no mark to be found; what they share is that they move nothing.
    for (magnitude, isNegative) in [(10, false), (10, true), (30, false), (30, true)] {
      let augmentation = RandAugment(operations: 1, magnitude: magnitude)
      let image = try marked(48, 40, x: 20, y: 20)
      let moves: Set<RandAugment.Operation> = [.shearX, .shearY, .translateX, .translateY, .rotate]
      let result = augmentation.applied(operation, isNegative: isNegative, to: image)
      #expect(result.image == augmentation.apply(operation, isNegative: isNegative, to: image))
      guard moves.contains(operation) else {
        #expect(result.transform == .identity)
        continue
      }
      #expect(result.transform != .identity)
      // Sampling takes the nearest pixel.
      let found = try check(48, 40, tolerance: 0.75) {
        augmentation.applied(operation, isNegative: isNegative, to: $0)
      }
      #expect(found > 5, "\(found)")
    }
  }

  @Test func aChainOfAugmentationsSaysWhereItMovesPixels() throws {
    let preprocessing = Preprocessing.torchvision(resolution: 56)
    let chains: [[Augmentation]] = [
      [.padAndCrop(4), .horizontalFlip], [.randomResizedCrop(scale: 0.5...1), .horizontalFlip],
      [.horizontalFlip, .padAndCrop(3), .horizontalFlip], [],
    ]
    for augmentations in chains {
      for seed in 1...4 as ClosedRange<UInt64> {
        let found = try check(70, 90, radius: 3, border: 5, tolerance: 0.8, least: 20) { image in
          var (first, second) = (SeededGenerator(seed: seed), SeededGenerator(seed: seed))
          let result = try preprocessing.augmentedWithTransform(image, by: augmentations, using: &first)
          #expect(try preprocessing.augmented(image, by: augmentations, using: &second) == result.image)
          return result
        }
        #expect(found > 2, "\(augmentations) \(found)")
      }
    }
  }

  @Test func transformsComposeAndInvert() throws {
    let a = ImageTransform(xx: 2, xy: 0.5, x0: 3, yx: -1, yy: 1.5, y0: -4)
    let b = ImageTransform(xx: 0.25, xy: -1, x0: 7, yx: 2, yy: 0.5, y0: 1)
    let (x, y) = b(x: a(x: 5, y: -2).x, y: a(x: 5, y: -2).y)
    let both = a.then(b)(x: 5, y: -2)
    #expect(abs(both.x - x) < 1e-12 && abs(both.y - y) < 1e-12)
    let back = try #require(a.inverse)
    let point = back(x: a(x: 5, y: -2).x, y: a(x: 5, y: -2).y)
    #expect(abs(point.x - 5) < 1e-12 && abs(point.y + 2) < 1e-12)
    #expect(ImageTransform(xx: 1, xy: 2, yx: 2, yy: 4).inverse == nil)
  }
}
