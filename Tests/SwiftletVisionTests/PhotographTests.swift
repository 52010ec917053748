// PhotographTests.swift: 100 photographs and 20 other pictures, decoded, resized and cropped, against Pillow, torchvision, timm.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite(.enabled(if: Files.hasShared, "needs ../shared/data"))
struct PhotographTests {
  struct Entry: Decodable {
    let file: String
    let width, height: Int
    let decoded, torchvision, timm: UInt32
  }
  struct GoldenImages: Decodable { let images: [String] }

  static func photograph(_ name: String) throws -> RGBImage {
    let url = try #require(Files.shared("data/images/\(name)"))
    return try RGBImage(contentsOf: url.path)
  }

  @Test func everyPhotographAndItsCropsEqualPillow() throws {
    let entries: [Entry] = try Golden.json("photographs.json")
    #expect(entries.count == 100 + 20)
    for entry in entries {
      let image = try Self.photograph(entry.file)
      #expect(image.width == entry.width && image.height == entry.height, "\(entry.file)")
      #expect(Checksum.crc32(image.pixels) == entry.decoded, "\(entry.file)")
      #expect(
        Checksum.crc32(try Preprocessing.torchvision().crop(image).pixels) == entry.torchvision,
        "\(entry.file)")
      #expect(Checksum.crc32(try Preprocessing.timm().crop(image).pixels) == entry.timm, "\(entry.file)")
    }
  }

  static let crops: [(file: String, preset: Preprocessing)] =
    [("torchvision_crop224_uint8", .torchvision())]
    + [128, 160, 192, 224].map { ("tfslim_crop\($0)_uint8", .tensorFlow(resolution: $0)) }

  @Test(arguments: crops)
  func theCropsOfTheGoldenPhotographsAreTheReferences(file: String, preset: Preprocessing) throws {
    let list = try #require(Files.shared("data/golden/images.json"))
    let names = try JSONDecoder().decode(GoldenImages.self, from: Data(contentsOf: list)).images
    let reference = try NumpyFile.read(#require(Files.shared("data/golden/\(file).npy")).path)
    let side = preset.resolution
    #expect(names.count == 20 && reference.shape == [20, side, side, 3])
    let expected = reference.bytes
    for (index, name) in names.enumerated() {
      let crop = try preset.crop(Self.photograph("imagenet100_orig/\(name)"))
      let start = index * 3 * side * side
      let problem = difference(crop.pixels, expected[start..<(start + 3 * side * side)])
      #expect(problem == nil, "\(name)")
    }
  }

  @Test func decodingAndCroppingAPhotographIsFast() throws {
    let url = try #require(Files.shared("data/images/imagenet100_orig/n01440764_tench.JPEG"))
    let preset = Preprocessing.torchvision()
    let clock = ContinuousClock()
    var times: [Duration] = []
    for _ in 0..<20 {
      times.append(
        try clock.measure {
          let input = try preset.input(RGBImage(contentsOf: url.path))
          #expect(input.count == 150_528)
        })
    }
    times.sort()
    print("decode + resize + crop + normalize, 500×375: median \(times[10]), least \(times[0])")
    // Not a benchmark: this only catches a build or an algorithm that has gone wrong.
    #expect(times[10] < .milliseconds(200))
  }
}
