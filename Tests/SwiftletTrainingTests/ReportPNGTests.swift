// ReportPNGTests.swift: pictures that are written as PNG come back.

import SwiftletData
import SwiftletTraining
import Testing

@Suite struct ReportPNGTests {
  @Test(arguments: [(1, 1), (3, 2), (32, 32), (257, 1), (1, 300), (640, 431)])
  func aPictureComesBackToTheBit(width: Int, height: Int) throws {
    var state: UInt32 = 7
    let pixels = (0..<(3 * width * height)).map { _ -> UInt8 in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
    let image = try RGBImage(width: width, height: height, pixels: pixels)
    let bytes = try image.pngBytes()
    #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
    #expect(try RGBImage(decoding: bytes, name: "again") == image)
  }

  @Test func theLongestSideIsWritten() throws {
    let image = try RGBImage(
      width: RGBImage.maximumSide, height: 1, pixels: [UInt8](repeating: 200, count: 3 * RGBImage.maximumSide)
    )
    #expect(try RGBImage(decoding: image.pngBytes(), name: "again") == image)
  }
}
