// DecodingTests.swift: every kind of file against Pillow's pixels (Scripts/goldens/vision.py).

import Foundation
import SwiftletVision
import TestSupport
import Testing

@Suite struct DecodingTests {
  struct Entry: Decodable {
    let file: String
    let width, height, start: Int
  }

  static func manifest() throws -> [Entry] { try Golden.json("decoded.json") }

  @Test(arguments: ["jpg", "png", "webp", "bmp"])
  func decodesEveryKindToPillowsPixels(kind: String) throws {
    let expected = try Golden.array("decoded.npy").bytes
    let entries = try Self.manifest().filter { $0.file.hasPrefix(kind) }
    #expect(entries.count >= 15)
    for entry in entries {
      let image = try RGBImage(contentsOf: Files.golden("vision/files/\(entry.file)").path)
      #expect(image.width == entry.width && image.height == entry.height, "\(entry.file)")
      let range = entry.start..<(entry.start + 3 * entry.width * entry.height)
      let problem = difference(image.pixels, expected[range])
      #expect(problem == nil, "\(entry.file)")
    }
  }

  @Test func theManifestNamesEveryFile() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Files.golden("vision/files").path)
    #expect(try Self.manifest().map(\.file).sorted() == files.sorted())
  }

  @Test func theFormatIsToldByTheBytesAndNotByTheName() throws {
    #expect(ImageFormat(recognizing: try Golden.bytes("files/jpg_444.jpg")) == .jpeg)
    #expect(ImageFormat(recognizing: try Golden.bytes("files/png_rgb8.png")) == .png)
    #expect(ImageFormat(recognizing: try Golden.bytes("files/webp_lossy.webp")) == .webP)
    #expect(ImageFormat(recognizing: try Golden.bytes("files/bmp_24.bmp")) == .bmp)
    #expect(ImageFormat(recognizing: Array("GIF89a".utf8)) == .gif)
    #expect(ImageFormat(recognizing: Array("GIF88a".utf8)) == nil)
    #expect(ImageFormat(recognizing: []) == nil)
    let bytes = try Golden.bytes("files/png_rgb8.png")
    try Files.withScratch { folder in
      let disguised = folder.appending(path: "photo.jpg")
      try Data(bytes).write(to: disguised)
      #expect(try RGBImage(contentsOf: disguised.path) == RGBImage(decoding: bytes, name: "png"))
    }
  }

  @Test func aCropIsPartOfThePicture() throws {
    let image = try RGBImage(width: 3, height: 2, pixels: Array(0..<18))
    let part = try image.cropped(x: 1, y: 1, width: 2, height: 1)
    #expect(part.pixels == [12, 13, 14, 15, 16, 17])
    #expect(part.width == 2 && part.height == 1)
    #expect(try image.cropped(x: 0, y: 0, width: 3, height: 2) == image)
    for (x, y, width, height) in [
      (0, 0, 4, 1), (-1, 0, 1, 1), (3, 0, 1, 1), (0, 0, 0, 1), (1, 1, .max, .max), (.max, 0, 1, 1),
    ] {
      #expect(throws: VisionError.self) { try image.cropped(x: x, y: y, width: width, height: height) }
    }
  }

  @Test func animagesBytesMustFillIt() {
    #expect(throws: VisionError.invalidPixels(width: 2, height: 2, bytes: 11)) {
      try RGBImage(width: 2, height: 2, pixels: [UInt8](repeating: 0, count: 11))
    }
    #expect(throws: VisionError.self) { try RGBImage(width: 0, height: 2, pixels: []) }
    #expect(throws: VisionError.self) { try RGBImage(width: -1, height: -1, pixels: [1, 2, 3]) }
    #expect(throws: VisionError.self) { try RGBImage(width: .max, height: .max, pixels: [1, 2, 3]) }
    #expect(throws: VisionError.self) { try RGBImage(width: 1_000_000, height: 1_000_000, pixels: []) }
  }
}
