// FormatTests.swift: GIF, TIFF, HEIC and AVIF against Pillow's pixels, damage to them, and builds that leave them out.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

/// The goldens of formats that a build may leave out.
enum FormatGolden {
  static func entries(_ format: ImageFormat) throws -> [DecodingTests.Entry] {
    let all: [DecodingTests.Entry] = try Golden.json("formats.json")
    let ending = format == .tiff ? "tif" : format.rawValue.lowercased()
    return all.filter { $0.file.hasPrefix(ending + "_") }
  }

  static func bytes(_ file: String) throws -> [UInt8] { try Golden.bytes("formats/\(file)") }
}

@Suite struct FormatTests {
  static let exact = [ImageFormat.gif, .tiff].filter(\.isDecoded)
  static let close = [ImageFormat.heic, .avif].filter(\.isDecoded)
  static let leftOut = ImageFormat.allCases.filter { !$0.isDecoded }

  private func failure(_ bytes: [UInt8], location: SourceLocation = #_sourceLocation) throws -> VisionError {
    let error = #expect(throws: VisionError.self, sourceLocation: location) {
      try RGBImage(decoding: bytes, name: "photo")
    }
    let found = try #require(error, sourceLocation: location)
    #expect(isOneLine(found, naming: "photo: "), "\(found)", sourceLocation: location)
    return found
  }

  @Test(arguments: exact)
  func decodesToPillowsPixels(format: ImageFormat) throws {
    let expected = try Golden.array("formats.npy").bytes
    let entries = try FormatGolden.entries(format)
    #expect(entries.count >= 20)
    for entry in entries {
      #expect(ImageFormat(recognizing: try FormatGolden.bytes(entry.file)) == format)
      let image = try RGBImage(contentsOf: Files.golden("vision/formats/\(entry.file)").path)
      #expect(image.width == entry.width && image.height == entry.height, "\(entry.file)")
      let range = entry.start..<(entry.start + 3 * entry.width * entry.height)
      #expect(difference(image.pixels, expected[range]) == nil, "\(entry.file)")
    }
  }

  /// Libraries of video decode the same samples; from luma and chroma to RGB, and from half the chroma to all of it, they go in ways
  /// of their own: by up to 3 levels where chroma is whole, by 3 in the mean where it is halved.
  @Test(arguments: close)
  func decodesToPillowsPixelsNearly(format: ImageFormat) throws {
    let expected = try Golden.array("formats.npy").bytes
    let entries = try FormatGolden.entries(format)
    #expect(entries.count == 8)
    for entry in entries {
      #expect(ImageFormat(recognizing: try FormatGolden.bytes(entry.file)) == format)
      let image = try RGBImage(contentsOf: Files.golden("vision/formats/\(entry.file)").path)
      #expect(image.width == entry.width && image.height == entry.height, "\(entry.file)")
      let range = entry.start..<(entry.start + 3 * entry.width * entry.height)
      guard image.pixels.count == range.count else { continue }
      let distances = zip(image.pixels, expected[range]).map { abs(Int($0) - Int($1)) }
      let mean = Double(distances.reduce(0, +)) / Double(distances.count)
      let largest = distances.max() ?? 0
      #expect(
        entry.file.contains("420") ? mean < 3 : largest <= 3, "\(entry.file): \(largest), \(mean) in the mean"
      )
    }
  }

  @Test func theManifestNamesEveryFile() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Files.golden("vision/formats").path)
    let entries: [DecodingTests.Entry] = try Golden.json("formats.json")
    #expect(entries.map(\.file).sorted() == files.sorted())
  }

  @Test(arguments: leftOut)
  func aFormatThatIsLeftOutIsNamed(format: ImageFormat) throws {
    let file = try #require(try FormatGolden.entries(format).first).file
    let error = try failure(FormatGolden.bytes(file))
    #expect(error == .leftOut(file: "photo", format: format))
    #expect(error.description.contains("image; this build has no"))
    #expect(!ImageFormat.decodedNames.contains(format.rawValue))
  }

  @Test(arguments: exact)
  func aTruncatedFileIsAnErrorWhereverItEnds(format: ImageFormat) throws {
    let names =
      format == .gif
      ? ["gif_colour.gif", "gif_interlaced.gif", "gif_inset_key.gif"]
      : [
        "tif_rgb_raw.tif", "tif_rgb_tiff_lzw.tif", "tif_jpeg.tif", "tif_rgb8_tiles.tif",
        "tif_bilevel_group4.tif",
      ]
    for name in names {
      let whole = try FormatGolden.bytes(name)
      // A GIF may end with its last pixel; a TIFF's directory may be at its end.
      for count in stride(from: 8, through: whole.count - 24, by: 11) {
        let error = try failure(Array(whole.prefix(count)))
        switch error {
        case .truncated, .corrupt: break
        default: Issue.record("\(name) of \(count) bytes: \(error)")
        }
      }
    }
  }

  @Test(arguments: close)
  func aTruncatedFileOfVideoIsAnError(format: ImageFormat) throws {
    let file = try #require(try FormatGolden.entries(format).first).file
    let whole = try FormatGolden.bytes(file)
    for count in stride(from: 12, through: whole.count * 3 / 4, by: 37) {
      _ = try failure(Array(whole.prefix(count)))
    }
  }

  @Test(.enabled(if: ImageFormat.gif.isDecoded, "GIF is left out"))
  func aGIFThatPromisesManyPixelsIsRefusedBeforeMemoryIsTaken() throws {
    var bytes = try FormatGolden.bytes("gif_plain.gif")
    // The canvas: 60000 × 60000.
    for (index, byte) in [0x60, 0xEA, 0x60, 0xEA].enumerated() { bytes[6 + index] = UInt8(byte) }
    #expect(try failure(bytes) == .tooManyPixels(what: "photo", width: 60000, height: 60000))
    // The frame: 13000 × 13000, with the codes of 99.
    let frame = try #require(bytes.lastIndex(of: 0x2C).map { $0 })
    var large = try FormatGolden.bytes("gif_plain.gif")
    for (index, byte) in [0xC8, 0x32, 0xC8, 0x32].enumerated() {
      large[6 + index] = UInt8(byte)
      large[frame + 5 + index] = UInt8(byte)
    }
    _ = try failure(large)
    // No picture at all.
    guard case .corrupt(_, .gif, _) = try failure(Array(bytes.prefix(13 + 24)) + [0x3B]) else {
      Issue.record("a GIF without a picture")
      return
    }
  }

  /// A little-endian TIFF of one directory; values of 4 bytes.
  private func tiff(_ tags: [(UInt16, UInt32)]) -> [UInt8] {
    func little(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian, Array.init)
    }
    let entries = tags.flatMap { little($0.0) + little(UInt16(4)) + little(UInt32(1)) + little($0.1) }
    return [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0] + little(UInt16(tags.count)) + entries + [0, 0, 0, 0]
      + [UInt8](repeating: 7, count: 64)
  }

  @Test(.enabled(if: ImageFormat.tiff.isDecoded, "TIFF is left out"))
  func oddTIFFsAreNamed() throws {
    func file(_ changes: [UInt16: UInt32], without: Set<UInt16> = []) -> [UInt8] {
      var tags: [UInt16: UInt32] = [
        256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 150, 277: 1, 278: 4, 279: 16,
      ]
      for (tag, value) in changes { tags[tag] = value }
      return tiff(
        tags.filter { !without.contains($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    #expect(try RGBImage(decoding: file([:]), name: "gray").pixels == [UInt8](repeating: 7, count: 48))
    #expect(
      try failure(file([256: 60000, 257: 60000]))
        == .tooManyPixels(what: "photo", width: 60000, height: 60000))
    let kinds: [([UInt16: UInt32], String)] = [
      ([339: 3, 258: 32], "floating-point samples"), ([339: 2, 258: 16], "signed samples"),
      ([262: 32803], "sensor"), ([262: 8], "photometric interpretation 8"), ([259: 31], "compression 31"),
      ([258: 64], "bits"), ([258: 24], "bits"), ([262: 5], "samples for each pixel"),
    ]
    for (changes, words) in kinds {
      let error = try failure(file(changes))
      guard case .unsupported(_, .tiff, _) = error else {
        Issue.record("\(changes): \(error)")
        continue
      }
      #expect(error.description.contains(words), "\(error)")
    }
    for changes in [[256: 0], [257: 0], [278: 0], [273: 1_000_000]] as [[UInt16: UInt32]] {
      switch try failure(file(changes)) {
      case .corrupt, .truncated: break
      case let error: Issue.record("\(changes): \(error)")
      }
    }
    for tag in [256, 257, 273] as [UInt16] { _ = try failure(file([:], without: [tag])) }
    // Below the limit, but with no data to speak of.
    _ = try failure(file([256: 13000, 257: 13000, 278: 13000]))
    _ = try failure(file([256: 13000, 257: 13000, 278: 13000, 259: 8]))
    _ = try failure(file([322: 1 << 30, 323: 1 << 30, 324: 150, 325: 16], without: [273, 278, 279]))
    _ = try failure(file([322: 16, 323: 1 << 30, 324: 150, 325: 16], without: [273, 278, 279]))
  }
}

@Suite struct DamagedMetadataTests {
  /// Damaged EXIF, and wrong checksums of PNG's chunks.
  @Test func damagedFilesAreReadAsPillowReadsThem() throws {
    let expected = try Golden.array("damaged.npy").bytes
    let entries: [DecodingTests.Entry] = try Golden.json("damaged.json")
    #expect(entries.count >= 30)
    for entry in entries {
      let image = try RGBImage(contentsOf: Files.golden("vision/damaged/\(entry.file)").path)
      #expect(image.width == entry.width && image.height == entry.height, "\(entry.file)")
      let range = entry.start..<(entry.start + 3 * entry.width * entry.height)
      #expect(difference(image.pixels, expected[range]) == nil, "\(entry.file)")
    }
  }

  @Test func aWrongChecksumOfPixelsIsRemarked() throws {
    for (name, isRemarked) in [
      ("png_first_idat", true), ("png_second_idat", true), ("png_exif_behind", false), ("png_no_end", false),
    ] {
      let file = try ImageFile(contentsOf: Files.golden("vision/damaged/\(name).png").path)
      #expect((file.warning != nil) == isRemarked, "\(name)")
      if let warning = file.warning {
        #expect(warning.contains("\(name).png: wrong checksum of the pixel data"))
      }
    }
    // What zlib unpacked is wrong: the pixels are not those that were written.
    var png = try Golden.bytes("files/png_rgb8.png")
    let end = try #require(png.lastIndex(of: UInt8(ascii: "I")))
    // Before IEND's length and IDAT's checksum: the last byte of zlib's own.
    png[end - 9] ^= 1
    #expect(throws: VisionError.self) { try RGBImage(decoding: png, name: "wrong pixels") }
  }

  @Test(.enabled(if: Files.shared("reports/images") != nil, "needs ../shared/reports"))
  func theReportedImagesAreReadAsExpected() throws {
    func path(_ name: String) throws -> String { try #require(Files.shared("reports/images/\(name)")).path }
    let deep = try RGBImage(contentsOf: path("grey16.png"))
    #expect(deep == (try RGBImage(contentsOf: path("plain_grey.png"))))
    let short = try RGBImage(contentsOf: path("exif_two_bytes_short.jpg"))
    #expect(short.width == 320 && short.height == 280)
    let wrong = try ImageFile(contentsOf: path("idat_checksum.png"))
    #expect(wrong.image.width == 200 && wrong.warning?.contains("checksum") == true)
  }
}
