// RGBImage+Decoding.swift: from a file's bytes to pixels. The result equals Pillow's
// ImageOps.exif_transpose(Image.open(file)).convert("RGB"), but for what Documentation/images.md lists.

import SwiftletCore

/// The formats of images. Those after BMP are decoded where the package is built with their traits, which is the default.
public enum ImageFormat: String, Sendable, Hashable, CaseIterable {
  case jpeg = "JPEG"
  case png = "PNG"
  case webP = "WebP"
  case bmp = "BMP"
  case gif = "GIF"
  case tiff = "TIFF"
  case heic = "HEIC"
  case avif = "AVIF"

  /// The format that the first bytes announce; extensions are never asked.
  public init?(recognizing bytes: [UInt8]) {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
      self = .webP
    } else if bytes.starts(with: "BM".utf8) {
      self = .bmp
    } else if bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8) {
      self = .gif
    } else if Self.tiffHeaders.contains(where: bytes.starts) {
      self = .tiff
    } else if let brands = MediaBrands(bytes), let format = brands.format {
      self = format
    } else {
      return nil
    }
  }

  /// Whether this build decodes it.
  public var isDecoded: Bool {
    switch self {
    case .jpeg, .png, .webP, .bmp: true
    case .gif:
      #if GIF
        true
      #else
        false
      #endif
    case .tiff:
      #if TIFF
        true
      #else
        false
      #endif
    case .heic, .avif:
      #if HEIF
        true
      #else
        false
      #endif
    }
  }

  /// The formats that this build decodes, as a list in words.
  package static var decodedNames: String {
    let names = allCases.filter(\.isDecoded).map(\.rawValue)
    return names.dropLast().joined(separator: ", ") + (names.last.map { " or \($0)" } ?? "")
  }

  /// The trait of the package that decodes it.
  package var trait: String { self == .heic || self == .avif ? "HEIF" : rawValue }

  /// TIFF and BigTIFF, little-endian and big-endian.
  private static let tiffHeaders: [[UInt8]] = [
    [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B],
  ]
}

/// The result of a codec: pixels as stored, and their orientation.
struct DecodedPicture {
  let width: Int
  let height: Int
  let pixels: [UInt8]
  let orientation: Orientation
  /// A remark on a file that was read in spite of some damage.
  var warning: String?
}

/// An image file that was read, with a remark where it is damaged and was read all the same.
package struct ImageFile: Sendable {
  /// The image, upright.
  package let image: RGBImage
  /// A line that names the file and the damage; `nil` where there is none.
  package let warning: String?

  /// Reads a file; see ``RGBImage/init(contentsOf:)``.
  ///
  /// - Throws: ``VisionError`` naming the file and the cause.
  package init(contentsOf path: String) throws {
    let bytes: [UInt8]
    do {
      bytes = try InputFile.read(path, maximumBytes: RGBImage.maximumFileBytes)
    } catch InputFile.Failure.tooLarge(let bytes) {
      throw VisionError.fileTooLarge(file: path, bytes: bytes)
    } catch InputFile.Failure.unreadable(let reason) {
      throw VisionError.unreadable(file: path, reason: reason)
    }
    try self.init(decoding: bytes, name: path)
  }

  /// Decodes the bytes of a file; errors and the warning call it `name`.
  ///
  /// - Throws: ``VisionError`` naming the file and the cause.
  package init(decoding bytes: [UInt8], name: String) throws {
    guard !bytes.isEmpty else { throw VisionError.unreadable(file: name, reason: "the file is empty") }
    guard bytes.count <= RGBImage.maximumFileBytes else {
      throw VisionError.fileTooLarge(file: name, bytes: bytes.count)
    }
    let picture = try Self.picture(bytes, name: name)
    image = RGBImage(width: picture.width, height: picture.height, valid: picture.pixels)
      .oriented(picture.orientation)
    warning = picture.warning.map { "\(FileName.shown(name)): \($0); the image was read all the same" }
  }

  private static func picture(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
    switch ImageFormat(recognizing: bytes) {
    case .jpeg: return try JPEGCodec.decode(bytes, name: name)
    case .png: return try PNGCodec.decode(bytes, name: name)
    case .webP: return try WebPCodec.decode(bytes, name: name)
    case .bmp: return try BMPCodec.decode(bytes, name: name)
    #if GIF
      case .gif: return try GIFCodec.decode(bytes, name: name)
    #endif
    #if TIFF
      case .tiff: return try TIFFCodec.decode(bytes, name: name)
    #endif
    #if HEIF
      case .heic: return try HEIFCodec.decode(bytes, name: name, format: .heic)
      case .avif: return try HEIFCodec.decode(bytes, name: name, format: .avif)
    #endif
    case let format?: throw VisionError.leftOut(file: name, format: format)
    case nil:
      if let kind = FileKind(recognizing: bytes) {
        throw VisionError.anotherKind(file: name, kind: kind.description)
      }
      throw VisionError.notAnImage(file: name)
    }
  }
}

extension RGBImage {
  /// Reads an image file, upright: EXIF orientation is applied, color profiles are not.
  ///
  /// The format is one of ``ImageFormat``, recognized by the first bytes. Gray becomes RGB, alpha is dropped, samples of 16 bits keep
  /// their high byte; of an animation the first frame is taken, of several pictures the first.
  ///
  /// - Parameter path: the file.
  /// - Throws: ``VisionError`` naming the file and the cause. Images above ``maximumPixels`` and files above
  ///   ``maximumFileBytes`` are refused before memory is taken for them.
  public init(contentsOf path: String) throws { self = try ImageFile(contentsOf: path).image }

  /// Decodes the bytes of an image file, upright, as ``init(contentsOf:)`` does.
  ///
  /// - Parameters:
  ///   - bytes: the whole file.
  ///   - name: the file's name in errors.
  /// - Throws: ``VisionError`` naming the file and the cause.
  public init(decoding bytes: some Sequence<UInt8>, name: String) throws {
    // For an array this copies nothing.
    self = try ImageFile(decoding: Array(bytes), name: name).image
  }
}
