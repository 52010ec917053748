// PixelFormatTests.swift: pixels in the orders and with the row strides that applications have.

import Foundation
import SwiftletVision
import Testing

@Suite struct PixelFormatTests {
  @Test(arguments: PixelFormat.allCases, [0, 1, 13])
  func everyOrderGivesTheSamePicture(format: PixelFormat, gap: Int) throws {
    let (width, height) = (5, 3)
    let rgb = (0..<(3 * width * height)).map { UInt8($0 * 5) }
    let stride = format.byteCount * width + gap
    // The last row ends with its pixels.
    var bytes = [UInt8](repeating: 0xEE, count: stride * height - gap)
    for y in 0..<height {
      for x in 0..<width {
        let source = 3 * (y * width + x)
        let pixel: [UInt8] =
          switch format {
          case .rgb: [rgb[source], rgb[source + 1], rgb[source + 2]]
          case .bgr: [rgb[source + 2], rgb[source + 1], rgb[source]]
          case .rgba: [rgb[source], rgb[source + 1], rgb[source + 2], 7]
          case .bgra: [rgb[source + 2], rgb[source + 1], rgb[source], 7]
          case .gray: [rgb[source]]
          }
        for (offset, byte) in pixel.enumerated() { bytes[y * stride + x * format.byteCount + offset] = byte }
      }
    }
    let image = try RGBImage(width: width, height: height, pixels: bytes, format: format, bytesPerRow: stride)
    let expected =
      format == .gray ? (0..<(width * height)).flatMap { [UInt8](repeating: rgb[3 * $0], count: 3) } : rgb
    #expect(image.width == width && image.height == height && image.pixels == expected)
    if gap == 0 {
      #expect(try RGBImage(width: width, height: height, pixels: bytes, format: format) == image)
    }
    #expect(throws: VisionError.self) {
      try RGBImage(
        width: width, height: height, pixels: Array(bytes.dropLast()), format: format, bytesPerRow: stride)
    }
  }

  @Test func sizesThatMakeNoSenseAreRefused() {
    for (width, height, stride) in [
      (0, 1, nil), (1, 0, nil), (-1, 4, nil), (2, 2, 5), (2, 2, -8), (2, 2, Int.max), (1 << 40, 1 << 40, nil),
    ] as [(Int, Int, Int?)] {
      #expect(throws: VisionError.self) {
        try RGBImage(
          width: width, height: height, pixels: [UInt8](repeating: 0, count: 64), format: .rgb,
          bytesPerRow: stride)
      }
    }
  }

  @Test func encodedDataIsDecoded() throws {
    let photo = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Examples/photos/apples.jpg")
    let data = try Data(contentsOf: photo)
    #expect(try RGBImage(encoded: data) == RGBImage(contentsOf: photo.path))
    #expect(throws: VisionError.self) { try RGBImage(encoded: data.prefix(200)) }
    #expect(throws: VisionError.self) { try RGBImage(encoded: Data()) }
  }
}
