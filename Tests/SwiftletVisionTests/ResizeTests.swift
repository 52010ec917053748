// ResizeTests.swift: resizing against Pillow, to the bit, and against TensorFlow's rule.

import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite struct ResizeTests {
  struct Result: Decodable {
    let filter: ResizeFilter
    let width, height, start: Int
  }
  struct FloatResult: Decodable {
    let halfPixel: Bool
    let width, height, start: Int
  }
  struct Source: Decodable {
    let width, height, start: Int
    let results: [Result]
    let floats: [FloatResult]

    func image(_ all: [UInt8]) throws -> RGBImage {
      try RGBImage(width: width, height: height, pixels: Array(all[start..<(start + 3 * width * height)]))
    }
  }

  static func sources() throws -> [Source] { try Golden.json("resized.json") }

  @Test func everyFilterAndSizeEqualsPillow() throws {
    let pixels = try Golden.array("resized_sources.npy").bytes
    let expected = try Golden.array("resized.npy").bytes
    var checked = 0
    for source in try Self.sources() {
      let image = try source.image(pixels)
      for result in source.results {
        let resized = try image.resized(width: result.width, height: result.height, filter: result.filter)
        let range = result.start..<(result.start + 3 * result.width * result.height)
        let problem = difference(resized.pixels, expected[range])
        #expect(
          problem == nil,
          "\(source.width)×\(source.height) to \(result.width)×\(result.height) \(result.filter)")
        checked += 1
      }
    }
    #expect(checked > 100)
  }

  @Test func bilinearWithoutAntialiasEqualsTensorFlowsRule() throws {
    let pixels = try Golden.array("resized_sources.npy").bytes
    let expected = try Golden.array("resized_floats.npy").floats()
    for source in try Self.sources() {
      let image = try source.image(pixels)
      for result in source.floats {
        let resized = try image.resizedFloats(
          width: result.width, height: result.height, halfPixelCenters: result.halfPixel)
        #expect(resized.shape == [1, result.height, result.width, 3])
        let range = result.start..<(result.start + 3 * result.width * result.height)
        #expect(resized.floats() == Array(expected[range]), "\(result)")
        let filter: ResizeFilter =
          result.halfPixel ? .tensorFlowBilinearHalfPixel : .tensorFlowBilinear
        let bytes = try image.resized(width: result.width, height: result.height, filter: filter)
        #expect(bytes.pixels == expected[range].map { UInt8($0.rounded(.toNearestOrEven)) })
      }
    }
  }

  @Test(arguments: ResizeFilter.allCases)
  func aUniformPictureStaysUniform(filter: ResizeFilter) throws {
    let gray = try RGBImage(width: 9, height: 5, pixels: [UInt8](repeating: 201, count: 135))
    for (width, height) in [(1, 1), (3, 4), (9, 5), (31, 17)] {
      let resized = try gray.resized(width: width, height: height, filter: filter)
      #expect(resized.pixels == [UInt8](repeating: 201, count: 3 * width * height))
    }
  }

  @Test func impossibleSizesAreRefused() throws {
    let image = try RGBImage(width: 2, height: 2, pixels: [UInt8](repeating: 1, count: 12))
    for (width, height) in [(0, 1), (1, 0), (-3, 3)] {
      #expect(throws: VisionError.invalidPixels(width: width, height: height, bytes: 0)) {
        try image.resized(width: width, height: height)
      }
      #expect(throws: VisionError.self) {
        try image.resizedFloats(width: width, height: height, halfPixelCenters: true)
      }
    }
    for (width, height) in [(60000, 60000), (Int.max, 1), (1, 1_000_001), (.max, .max)] {
      #expect(throws: VisionError.tooManyPixels(what: "resized image", width: width, height: height)) {
        try image.resized(width: width, height: height)
      }
    }
  }

  @Test func extremeShapesNeedNoMoreMemoryThanTheyShould() throws {
    // In the other order of passes there would be 10^11 pixels between them.
    let tall = try RGBImage(width: 1, height: 1_000_000, pixels: [UInt8](repeating: 7, count: 3_000_000))
    #expect(try tall.resized(width: 100_000, height: 1).pixels == [UInt8](repeating: 7, count: 300_000))
    let wide = try RGBImage(width: 1_000_000, height: 1, pixels: [UInt8](repeating: 7, count: 3_000_000))
    #expect(try wide.resized(width: 1, height: 100_000).pixels == [UInt8](repeating: 7, count: 300_000))
    for image in [tall, wide] {
      let small = try image.resized(width: 2, height: 2, filter: .lanczos)
      #expect(small.pixels == [UInt8](repeating: 7, count: 12))
    }
  }
}
