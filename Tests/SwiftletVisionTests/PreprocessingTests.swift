// PreprocessingTests.swift: crops and inputs against torchvision and timm.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite struct PreprocessingTests {
  struct Result: Decodable {
    let preset: String
    let side: Int
    let crc: UInt32
  }
  struct Source: Decodable {
    let width, height: Int
    let results: [Result]
  }

  static let presets: [String: Preprocessing] = [
    "torchvision 224 256": .torchvision(),
    "torchvision 160 183": .torchvision(resolution: 160),
    "torchvision 32 36": .torchvision(resolution: 32, resize: 36),
    "torchvision 96 64": .torchvision(resolution: 96, resize: 64),
    "timm 224 0.875 bicubic": .timm(),
    "timm 32 0.95 bicubic": .timm(resolution: 32, cropFraction: 0.95),
    "timm 65 0.9 bilinear": .timm(resolution: 65, cropFraction: 0.9, filter: .bilinear),
  ]

  @Test func cropsEqualTorchvisionsAndTimmsOnOddSizes() throws {
    let sources: [Source] = try Golden.json("presets.json")
    #expect(sources.count == 6)
    for source in sources {
      var pixels: [UInt8] = []
      for y in 0..<source.height {
        for x in 0..<source.width {
          pixels += [7 * x + 3 * y, x * y, x * x + 5 * y].map { UInt8($0 % 256) }
        }
      }
      let image = try RGBImage(width: source.width, height: source.height, pixels: pixels)
      #expect(source.results.count == Self.presets.count)
      for result in source.results {
        let preset = try #require(Self.presets[result.preset])
        let crop = try preset.crop(image)
        #expect(crop.width == result.side && crop.height == result.side)
        #expect(
          Checksum.crc32(crop.pixels) == result.crc, "\(source.width)×\(source.height) \(result.preset)")
      }
    }
  }

  @Test func inputIsNormalizedInTorchvisionsOrderOfRounding() throws {
    let expected = try Golden.array("normalised.npy")
    #expect(expected.shape == [256, 1, 3])
    let ramp = try RGBImage(
      width: 1, height: 256, pixels: (0...255).flatMap { [UInt8](repeating: $0, count: 3) })
    // A crop of 256 rows by 256 columns; the ramp is padded to the left and right.
    let preset = Preprocessing(resolution: 256, framing: .shorterSide(pixels: 1))
    let input = try preset.input(ramp)
    #expect(input.shape == [1, 256, 256, 3] && input.scalarType == .float32)
    let values = input.floats()
    let column = 127
    let actual = (0..<256).flatMap { row in (0..<3).map { values[(row * 256 + column) * 3 + $0] } }
    #expect(actual == expected.floats())
  }

  @Test func tensorFlowsInputIsFromMinusOneToOne() throws {
    let image = try RGBImage(
      width: 8, height: 8, pixels: (0..<64).flatMap { [0, 255, UInt8($0)] })
    let preset = Preprocessing.tensorFlow(resolution: 7)
    // 87.5 % of 8 is 7: nothing is resized, the margin of one pixel is taken off below and to the right.
    let crop = try preset.crop(image)
    #expect(crop == (try image.cropped(x: 0, y: 0, width: 7, height: 7)))
    let input = try preset.input(image).floats()
    for (index, byte) in crop.pixels.enumerated() { #expect(input[index] == (Float(byte) - 127.5) / 127.5) }
    #expect(input[0] == -1 && input[1] == 1)
  }

  @Test func slimKeepsTheFractionsOfItsResize() throws {
    let image = try RGBImage(
      width: 16, height: 24, pixels: (0..<1152).map { UInt8(truncatingIfNeeded: $0 * 37) })
    for halfPixel in [false, true] {
      let preset = Preprocessing.slim(resolution: 9, halfPixelCenters: halfPixel)
      // Margins of 1 and 1 pixels: (16 − 14) / 2 and (24 − 21) / 2, rounded down.
      let resized = try image.cropped(x: 1, y: 1, width: 14, height: 22)
        .resizedFloats(width: 9, height: 9, halfPixelCenters: halfPixel).floats()
      #expect(try preset.input(image).floats() == resized.map { ($0 / 255 - 0.5) / 0.5 })
      #expect(try preset.crop(image).pixels == resized.map { UInt8($0.rounded(.toNearestOrEven)) })
    }
  }

  @Test func channelsCanBeReversed() throws {
    let image = try RGBImage(width: 32, height: 32, pixels: (0..<3072).map { UInt8($0 % 251) })
    for filter in [ResizeFilter.bilinear, .tensorFlowBilinear] {
      var preset = Preprocessing(
        resolution: 8, framing: .whole, filter: filter, scale: .byte, mean: [1, 2, 3],
        standardDeviation: [2, 4, 8])
      let straight = try preset.input(image).floats()
      preset.channelOrder = .bgr
      let reversed = try preset.input(image).floats()
      for pixel in stride(from: 0, to: straight.count, by: 3) {
        // The mean and the deviation belong to the channels as delivered.
        #expect(reversed[pixel] == (straight[pixel + 2] * 8 + 3 - 1) / 2)
        #expect(reversed[pixel + 1] == straight[pixel + 1])
        #expect(reversed[pixel + 2] == (straight[pixel] * 2 + 1 - 3) / 8)
      }
    }
  }

  @Test func aCifarPictureIsNotResized() throws {
    let image = try RGBImage(width: 32, height: 32, pixels: (0..<3072).map { UInt8($0 % 253) })
    let preset = Preprocessing.cifar()
    #expect(try preset.crop(image) == image)
    let input = try preset.input(image)
    #expect(input.shape == [1, 32, 32, 3])
    let expected = image.pixels.enumerated().map { index, byte in
      (Float(byte) / 255 - [0.4914, 0.4822, 0.4465][index % 3]) / [0.2470, 0.2435, 0.2616][index % 3]
    }
    #expect(input.floats() == expected)
    #expect(try preset.crop(image.resized(width: 50, height: 40)).width == 32)
  }

  @Test func presetsScaleWithTheResolution() {
    #expect(Preprocessing.torchvision().framing == .shorterSide(pixels: 256))
    #expect(Preprocessing.torchvision(resolution: 160).framing == .shorterSide(pixels: 183))
    #expect(Preprocessing.torchvision().scaled(to: 160) == .torchvision(resolution: 160))
    #expect(Preprocessing.torchvision(resize: 232).scaled(to: 112).framing == .shorterSide(pixels: 116))
    #expect(Preprocessing.timm().scaled(to: 160) == .timm(resolution: 160))
    #expect(Preprocessing.tensorFlow().scaled(to: 128) == .tensorFlow(resolution: 128))
    #expect(Preprocessing.torchvision(resize: 300).scaled(to: 224) == .torchvision(resize: 300))
  }

  @Test func presetsSurviveJSON() throws {
    let all: [Preprocessing] = [
      .torchvision(), .timm(), .tensorFlow(), .slim(), .slim(halfPixelCenters: true), .cifar(),
    ]
    for preset in all {
      let data = try JSONEncoder().encode(preset)
      #expect(try JSONDecoder().decode(Preprocessing.self, from: data) == preset)
    }
    #expect(Set(all).count == all.count)
  }

  @Test func nonsenseInAPresetIsNamed() throws {
    let image = try RGBImage(width: 4, height: 4, pixels: [UInt8](repeating: 9, count: 48))
    var broken: [Preprocessing] = [0, -1, 4097, .max, .min].map { .torchvision(resolution: $0, resize: 9) }
    broken += [0, -1, 65537, .max].map { .torchvision(resize: $0) }
    broken += [0, -1, 1.5, .nan, .infinity, 1e-300].map { .timm(cropFraction: $0) }
    for fraction in [0, -0.5, 1.01, .nan] {
      broken.append(Preprocessing(resolution: 8, framing: .centralFraction(fraction: fraction)))
      broken.append(Preprocessing(resolution: 8, framing: .centralMargins(fraction: fraction)))
    }
    for values in [[], [1], [1, 1, 1, 1], [1, 1, .nan], [1, .infinity, 1]] as [[Float]] {
      broken.append(Preprocessing(resolution: 8, framing: .whole, mean: values))
      broken.append(Preprocessing(resolution: 8, framing: .whole, standardDeviation: values))
    }
    broken.append(Preprocessing(resolution: 8, framing: .whole, standardDeviation: [1, 0, 1]))
    broken.append(Preprocessing.torchvision(resolution: 0).scaled(to: 5))
    for preset in broken {
      let error = #expect(throws: VisionError.self) { try preset.input(image) }
      #expect(throws: VisionError.self) { try preset.crop(image) }
      guard case .preprocessing = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(isOneLine(error ?? .preprocessing(reason: ""), naming: "preprocessing: "))
    }
  }

  @Test func aVeryLongPictureIsOnlyResizedWhereItIsSeen() throws {
    let image = try RGBImage(width: 100_000, height: 1, pixels: [UInt8](repeating: 50, count: 300_000))
    let crop = try Preprocessing.torchvision().crop(image)
    #expect(crop.pixels == [UInt8](repeating: 50, count: 224 * 224 * 3))
  }
}
