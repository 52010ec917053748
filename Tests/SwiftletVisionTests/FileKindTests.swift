// FileKindTests.swift: files that are no images are called by what they are; names of files as bytes.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite struct FileKindTests {
  static let kinds: [(String, [UInt8])] = [
    ("a PDF document", Array("%PDF-1.7\n".utf8)),
    ("an HTML page", Array("<!DOCTYPE html><html>".utf8)),
    ("an HTML page", Array("\u{FEFF}\n  <HTML lang=\"en\">".utf8)),
    ("an HTML page", Array("<!-- saved -->\n<html>".utf8)),
    ("an HTML page", Array("<?xml version=\"1.0\"?><!DOCTYPE html><html xmlns=\"x\">".utf8)),
    ("an SVG drawing", Array("<svg xmlns=\"x\">".utf8)),
    ("an SVG drawing", Array("<?xml version=\"1.0\"?>\n<!-- by -->\n<svg>".utf8)),
    ("an XML document", Array("<?xml version=\"1.0\"?><note/>".utf8)),
    ("a Git LFS pointer", Array("version https://git-lfs.github.com/spec/v1\noid sha256:12".utf8)),
    ("a text file", Array("hello, world".utf8)), ("a text file", Array("x,y\r\n1,2\r\n".utf8)),
    ("a text file", Array("grüße".utf8)), ("a text file", [0xFF, 0xFE, 0x61, 0]),
    ("a video (MP4)", [0, 0, 0, 24] + Array("ftypmp42\0\0\0\0isommp42".utf8)),
    ("a video (MP4)", [0, 0, 0, 24] + Array("ftypisom\0\0\u{2}\0isomiso2".utf8)),
    ("a video (QuickTime)", [0, 0, 0, 20] + Array("ftypqt  \0\0\u{2}\0qt  ".utf8)),
    ("a video (QuickTime)", [0, 0, 0, 8] + Array("wide\0\0\0\0mdat".utf8)),
    ("a raw photograph (Canon)", [0, 0, 0, 24] + Array("ftypcrx \0\0\0\u{1}crx isom".utf8)),
    ("a video (AVI)", Array("RIFF\0\0\0\0AVI LIST".utf8)),
    ("a video (Matroska)", [0x1A, 0x45, 0xDF, 0xA3, 1]),
    ("a WAVE recording", Array("RIFFxxxxWAVEfmt ".utf8)), ("an MP3 recording", Array("ID3\u{3}\0".utf8)),
    ("a zip archive", Array("PK\u{3}\u{4}\u{14}\0".utf8)), ("a gzip archive", [0x1F, 0x8B, 8, 0]),
    ("an XZ archive", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
    ("a tar archive", [UInt8](repeating: 0, count: 257) + Array("ustar".utf8)),
    ("a Photoshop document", Array("8BPS\0\u{1}".utf8)), ("a JPEG XL image", [0xFF, 0x0A, 1]),
    ("a JPEG 2000 image", [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20]),
    ("a Netpbm image", Array("P6\n2 2\n".utf8)),
    ("a DICOM image", [UInt8](repeating: 0, count: 128) + Array("DICM".utf8)),
    ("a NumPy array", [0x93] + Array("NUMPY\u{1}\0".utf8)), ("a Windows icon", [0, 0, 1, 0, 1, 0]),
  ]

  @Test func whatIsNoImageIsCalledByItsName() throws {
    for (name, bytes) in Self.kinds {
      #expect(ImageFormat(recognizing: bytes) == nil, "\(name)")
      let error = #expect(throws: VisionError.self) { try RGBImage(decoding: bytes, name: "photo.jpg") }
      #expect(error == .anotherKind(file: "photo.jpg", kind: name))
      #expect(error?.description == "photo.jpg: \(name), not an image that is read")
    }
    #expect(FileKind(recognizing: [])?.description == "an empty file")
    // Bytes of nothing that is known.
    for bytes in [[0, 1, 2, 3], [0xFF, 0xD8], [0x89, 0x50, 0x4E, 0x47]] as [[UInt8]] {
      #expect(FileKind(recognizing: bytes) == nil, "\(bytes)")
      #expect(throws: VisionError.notAnImage(file: "x")) { try RGBImage(decoding: bytes, name: "x") }
    }
  }

  @Test func kindsAreCounted() {
    #expect("video (MP4)".counted(1) == "1 video (MP4)" && "video (MP4)".counted(3) == "3 videos (MP4)")
    #expect("text file".counted(2) == "2 text files" && "class".counted(0) == "0 classes")
    #expect("file of zeros".counted(2) == "2 files of zeros" && "entry".counted(2) == "2 entries")
    #expect("file without permission".counted(5) == "5 files without permission")
    #expect(
      "archive of another kind".counted(2) == "2 archives of another kind" && "day".counted(2) == "2 days")
  }

  @Test func brandsTellHEICFromAVIFAndVideo() {
    func format(_ brands: String) -> ImageFormat? {
      let box = Array(("ftyp" + brands).utf8)
      return ImageFormat(recognizing: [0, 0, 0, UInt8(box.count + 4)] + box)
    }
    for brand in ["heic", "heix", "hevc", "heim"] { #expect(format(brand + "\0\0\0\0mif1") == .heic) }
    #expect(format("avif\0\0\0\0mif1miaf") == .avif && format("avis\0\0\0\0avif") == .avif)
    #expect(format("mif1\0\0\0\0mif1heic") == .heic && format("mif1\0\0\0\0mif1avif") == .avif)
    #expect(format("isom\0\0\0\0isommif1") == nil)
    #expect(ImageFormat(recognizing: Array("\0\0\0\u{18}ftyp".utf8)) == nil)
  }

  @Test func namesKeepTheirBytes() {
    let names: [[UInt8]] = [
      Array("owl.jpg".utf8), Array("貓頭鷹 🦉.jpg".utf8), Array("bad".utf8) + [0xFF] + Array(".jpg".utf8),
      [0xC3, 0x28], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x8F, 0xBC, 0x80], [0x80, 0x81], [],
      Array("e\u{301}".utf8), [0xF0, 0x9F, 0x92], Array("\u{FFFD}".utf8),
    ]
    for name in names {
      let text = FileName.string(name)
      #expect(FileName.bytes(of: text).map { UInt8(bitPattern: $0) } == name + [0], "\(name)")
    }
    #expect(FileName.string("owl 🦉.jpg".utf8) == "owl 🦉.jpg")
  }

  @Test func namesAreShownOnOneLineWithoutControlCharacters() {
    let cases: [([UInt8], String)] = [
      (Array("owl 🦉.jpg".utf8), "owl 🦉.jpg"), (Array("a\nb\tc\r".utf8), "a\\nb\\tc\\r"),
      (Array("\u{1B}[31mred".utf8), "\\x1b[31mred"), (Array("bad".utf8) + [0xFF], "bad\\xff"),
      (Array("a\u{7F}\u{9B}".utf8), "a\\x7f\\u{9b}"), (Array("gpj.\u{202E}exe".utf8), "gpj.\\u{202e}exe"),
      (Array("l\u{2028}x".utf8), "l\\u{2028}x"),
    ]
    for (bytes, shown) in cases { #expect(FileName.shown(FileName.string(bytes)) == shown) }
  }

  @Test func aFileWhoseNameIsNotUTF8IsRead() throws {
    try Files.withScratch { folder in
      let path = FileName.string(Array(folder.path.utf8) + Array("/bad".utf8) + [0xFF] + Array(".png".utf8))
      let bytes = try Golden.bytes("files/png_rgb8.png")
      let descriptor = open(FileName.bytes(of: path), O_CREAT | O_WRONLY, 0o600)
      // Some file systems refuse such names; then there is nothing to read.
      guard descriptor >= 0 else { return }
      #expect(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
      close(descriptor)
      #expect(try RGBImage(contentsOf: path) == RGBImage(decoding: bytes, name: "png"))
    }
  }
}
