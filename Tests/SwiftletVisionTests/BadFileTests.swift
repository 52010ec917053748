// BadFileTests.swift: files that are no pictures, or not whole: one clear line each, no crash, little memory.

import Foundation
import SwiftletVision
import TestSupport
import Testing

@Suite struct BadFileTests {
  /// What decoding throws; it must be one line that names the file.
  private func failure(
    _ bytes: [UInt8], location: SourceLocation = #_sourceLocation
  ) throws -> VisionError {
    let error = #expect(throws: VisionError.self, sourceLocation: location) {
      try RGBImage(decoding: bytes, name: "photo")
    }
    let found = try #require(error, sourceLocation: location)
    #expect(isOneLine(found, naming: "photo: "), "\(found)", sourceLocation: location)
    return found
  }

  private func fileFailure(_ path: String) throws -> VisionError {
    let found = try #require(#expect(throws: VisionError.self) { try RGBImage(contentsOf: path) })
    #expect(isOneLine(found, naming: path), "\(found)")
    return found
  }

  @Test func somethingElseIsNotAnImage() throws {
    for bytes in [[0xFF, 0xD8], [0, 1, 2, 3, 4, 5, 6, 7], Array("RIFF\0\0\0\0ABCD".utf8)] as [[UInt8]] {
      #expect(try failure(bytes) == .notAnImage(file: "photo"))
    }
  }

  @Test func anEmptyFileIsNamed() throws {
    #expect(try failure([]) == .unreadable(file: "photo", reason: "the file is empty"))
    try Files.withScratch { folder in
      let file = folder.appending(path: "empty.jpg")
      try Data().write(to: file)
      #expect(try fileFailure(file.path) == .unreadable(file: file.path, reason: "the file is empty"))
    }
  }

  @Test func aMissingFileAFolderAndADeviceAreNamed() throws {
    try Files.withScratch { (folder: URL) throws in
      let missing = folder.appending(path: "nothing.png").path
      #expect(try fileFailure(missing) == .unreadable(file: missing, reason: "no such file"))
      let below = missing + "/below.png"
      #expect(try fileFailure(below) == .unreadable(file: below, reason: "no such file"))
      #expect(
        try fileFailure(folder.path) == .unreadable(file: folder.path, reason: "is a folder, not a file"))
      let pipe = folder.appending(path: "pipe").path
      #expect(mkfifo(pipe, 0o600) == 0)
      for device in [pipe, "/dev/zero", "/dev/null"] {
        #expect(
          try fileFailure(device) == .unreadable(file: device, reason: "is a pipe or a device, not a file"))
      }
      let loop = folder.appending(path: "loop").path
      #expect(symlink(loop, loop) == 0)
      #expect(try fileFailure(loop) == .unreadable(file: loop, reason: "too many symbolic links"))
    }
    #expect(try fileFailure("") == .unreadable(file: "", reason: "not a file name"))
    #expect(throws: VisionError.unreadable(file: "a\0b", reason: "not a file name")) {
      try RGBImage(contentsOf: "a\0b")
    }
  }

  @Test func aFileNameWithALineBreakStillGivesOneLine() throws {
    let error = #expect(throws: VisionError.self) { try RGBImage(contentsOf: "two\nlines\r\u{1B}[31m.png") }
    #expect(error?.description == "two\\nlines\\r\\x1b[31m.png: no such file")
  }

  @Test func aFileAboveTheSizeLimitIsNotRead() throws {
    try Files.withScratch { folder in
      let file = folder.appending(path: "huge.bmp")
      try Data("BM".utf8).write(to: file)
      // Sparse: it takes no room.
      #expect(truncate(file.path, RGBImage.maximumFileBytes + 1) == 0)
      #expect(
        try fileFailure(file.path) == .fileTooLarge(file: file.path, bytes: RGBImage.maximumFileBytes + 1))
    }
  }

  // MARK: Truncation

  @Test(arguments: ["jpg_444", "jpg_progressive", "jpg_grey", "jpg_cmyk", "jpg_420", "jpg_restart"])
  func aTruncatedJPEGIsAnErrorWhereverItEnds(name: String) throws {
    let whole = try Golden.bytes("files/\(name).jpg")
    for count in stride(from: 3, through: whole.count - 1, by: 7) {
      #expect(try failure(Array(whole.prefix(count))) == .truncated(file: "photo", format: .jpeg))
    }
    #expect(try failure(Array(whole.dropLast(2))) == .truncated(file: "photo", format: .jpeg))
  }

  @Test(arguments: ["rgb8", "palette4_interlaced", "grey16", "filters"])
  func aTruncatedPNGIsAnErrorUntilAllPixelsAreThere(name: String) throws {
    let whole = try Golden.bytes("files/png_\(name).png")
    // The last 16 bytes are the check sum of the pixels and the end mark, which Pillow does without too.
    for count in stride(from: 8, through: whole.count - 22, by: 5) {
      #expect(try failure(Array(whole.prefix(count))) == .truncated(file: "photo", format: .png))
    }
    let image = try RGBImage(decoding: whole, name: "whole")
    #expect(try RGBImage(decoding: Array(whole.dropLast(12)), name: "without end mark") == image)
  }

  @Test(arguments: ["lossy", "lossless", "lossy_alpha", "animation", "orientation6"])
  func aTruncatedWebPIsAnErrorWhereverItEnds(name: String) throws {
    let whole = try Golden.bytes("files/webp_\(name).webp")
    for count in stride(from: 12, through: whole.count - 1, by: 7) {
      #expect(try failure(Array(whole.prefix(count))) == .truncated(file: "photo", format: .webP), "\(count)")
    }
  }

  @Test(arguments: ["24", "8", "1", "16_565", "32_v5", "rle8", "rle4", "24_core"])
  func aTruncatedBMPIsAnErrorWhereverItEnds(name: String) throws {
    let whole = try Golden.bytes("files/bmp_\(name).bmp")
    // The padding of the last row, and the end mark of run lengths, may be missing.
    for count in stride(from: 2, through: whole.count - 4, by: 3) {
      #expect(try failure(Array(whole.prefix(count))) == .truncated(file: "photo", format: .bmp), "\(count)")
    }
  }

  // MARK: Sizes

  /// A PNG of these dimensions with a few bytes of data.
  private func png(width: UInt32, height: UInt32) -> [UInt8] {
    func big(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
    func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
      let body = Array(name.utf8) + data
      return big(UInt32(data.count)) + body + big(Checksum.crc32(body))
    }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0]) + chunk("IDAT", [0x78, 0x9C, 1, 2, 3])
      + chunk("IEND", [])
  }

  private func bmp(width: Int32, height: Int32, bits: UInt16 = 24, compression: UInt32 = 0) -> [UInt8] {
    func little(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian, Array.init)
    }
    return Array("BM".utf8) + little(UInt32(100)) + little(UInt32(0)) + little(UInt32(54))
      + little(UInt32(40)) + little(width) + little(height) + little(UInt16(1)) + little(bits)
      + little(compression) + [UInt8](repeating: 0, count: 20)
  }

  @Test func aDecompressionBombIsRefusedBeforeMemoryIsTaken() throws {
    let before = try residentBytes()
    #expect(
      try failure(png(width: 60000, height: 60000))
        == .tooManyPixels(what: "photo", width: 60000, height: 60000))
    #expect(
      try failure(png(width: 1_000_001, height: 1))
        == .tooManyPixels(what: "photo", width: 1_000_001, height: 1))
    #expect(
      try failure(bmp(width: 60000, height: -60000))
        == .tooManyPixels(what: "photo", width: 60000, height: 60000))
    #expect(
      try failure(bmp(width: .max, height: .min))
        == .tooManyPixels(what: "photo", width: 2_147_483_647, height: 2_147_483_648))
    // Below the limit, but with no data to speak of.
    #expect(
      try failure(bmp(width: 13000, height: 13000)) == .truncated(file: "photo", format: .bmp))
    #expect(
      try failure(bmp(width: 13000, height: 13000, bits: 8, compression: 1))
        == .truncated(file: "photo", format: .bmp))
    #expect(try failure(png(width: 13000, height: 13000)).description.contains("PNG"))
    var jpeg = try Golden.bytes("files/jpg_grey.jpg")
    let frame = try #require(jpeg.indices.first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
    for (index, byte) in [0xFF, 0xDC, 0xFF, 0xDC].enumerated() { jpeg[frame + 5 + index] = UInt8(byte) }
    #expect(
      try failure(jpeg) == .tooManyPixels(what: "photo", width: 65500, height: 65500))
    #expect(try residentBytes() - before < 300 << 20)
  }

  /// The memory of this process, from the system.
  private func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    return pages * Int(getpagesize())
  }

  @Test func aPictureWithoutPixelsIsRefused() throws {
    for (width, height) in [(0, 5), (5, 0), (-5, 5)] as [(Int32, Int32)] {
      guard case .corrupt(_, .bmp, _) = try failure(bmp(width: width, height: height)) else {
        Issue.record("\(width)×\(height)")
        continue
      }
    }
    guard case .corrupt(_, .png, _) = try failure(png(width: 0, height: 5)) else {
      Issue.record("an empty PNG was not called damaged")
      return
    }
  }

  // MARK: Varieties that are not decoded

  @Test func unknownKindsOfBMPAreNamed() throws {
    let kinds: [(bits: UInt16, compression: UInt32)] = [(2, 0), (7, 0), (24, 4), (24, 5), (24, 1), (8, 2)]
    for kind in kinds {
      guard
        case .unsupported(_, .bmp, _) = try failure(
          bmp(width: 4, height: 4, bits: kind.bits, compression: kind.compression))
      else {
        Issue.record("\(kind)")
        continue
      }
    }
    var header = bmp(width: 4, height: 4)
    header[14] = 41
    #expect(
      try failure(header) == .unsupported(file: "photo", format: .bmp, reason: "header of 41 bytes"))
    // Masks with holes, and none at all.
    for mask in [0x55, 0] as [UInt8] {
      let masks: [UInt8] = [mask, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      let file = bmp(width: 1, height: 1, bits: 16, compression: 3) + masks + [1, 2, 3, 4]
      guard case .unsupported(_, .bmp, _) = try failure(file) else {
        Issue.record("mask \(mask)")
        continue
      }
    }
  }

  @Test func unknownKindsOfJPEGAreNamed() throws {
    let whole = try Golden.bytes("files/jpg_444.jpg")
    let frame = try #require(whole.indices.first { whole[$0] == 0xFF && whole[$0 + 1] == 0xC0 })
    var lossless = whole
    lossless[frame + 1] = 0xC3
    var twelveBits = whole
    twelveBits[frame + 4] = 12
    for file in [lossless, twelveBits] {
      guard case .unsupported(_, .jpeg, _) = try failure(file) else {
        Issue.record("not called unsupported")
        continue
      }
    }
  }

  @Test func damagedHeadersAreNamed() throws {
    var png = try Golden.bytes("files/png_rgb8.png")
    png[20] ^= 1
    guard case .corrupt(_, .png, _) = try failure(png) else {
      Issue.record("a PNG header with a wrong check sum")
      return
    }
    var webP = try Golden.bytes("files/webp_lossy.webp")
    for index in 20..<30 { webP[index] = 0xEE }
    guard case .corrupt(_, .webP, _) = try failure(webP) else {
      Issue.record("a WebP without its frame header")
      return
    }
    #expect(try failure([0xFF, 0xD8, 0xFF, 0xD9]).description.contains("JPEG"))
  }

  @Test func aJPEGOfThousandsOfScansIsRefused() throws {
    let whole = try Golden.bytes("files/jpg_progressive.jpg")
    // The first scan, over and over.
    let starts = whole.indices.dropLast().filter { whole[$0] == 0xFF && whole[$0 + 1] == 0xDA }
    let first = try #require(starts.first)
    let tables = try #require(
      whole[first...].indices.dropLast().first {
        $0 > first && whole[$0] == 0xFF && ![0, 0xDA].contains(whole[$0 + 1])
      })
    var bomb = Array(whole[..<first])
    for _ in 0..<2000 { bomb += whole[first..<tables] }
    bomb += [0xFF, 0xD9]
    #expect(
      try failure(bomb)
        == .unsupported(file: "photo", format: .jpeg, reason: "too many progressive scans"))
  }

  @Test func harmlessDamageIsTolerated() throws {
    // Bytes between segments, which libjpeg only warns of.
    var jpeg = try Golden.bytes("files/jpg_444.jpg")
    let image = try RGBImage(decoding: jpeg, name: "whole")
    jpeg.insert(contentsOf: [0x12, 0x34], at: 20)
    #expect(try RGBImage(decoding: jpeg, name: "with bytes between segments") == image)
    // An ancillary chunk with a wrong check sum.
    var png = try Golden.bytes("files/png_rgb8_gamma.png")
    png[33 + 8] ^= 0xFF
    #expect(try RGBImage(decoding: png, name: "gamma").width == 6)
  }
}
