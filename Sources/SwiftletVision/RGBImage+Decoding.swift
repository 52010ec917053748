// RGBImage+Decoding.swift: from a file's bytes to pixels. The result equals Pillow's
// ImageOps.exif_transpose(Image.open(file)).convert("RGB").

/// The formats that are decoded.
public enum ImageFormat: String, Sendable, Hashable, CaseIterable {
  case jpeg = "JPEG"
  case png = "PNG"
  case webP = "WebP"
  case bmp = "BMP"

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
    } else {
      return nil
    }
  }
}

/// The result of a codec: pixels as stored, and their orientation.
struct DecodedPicture {
  let width: Int
  let height: Int
  let pixels: [UInt8]
  let orientation: Orientation
}

extension RGBImage {
  /// Reads a JPEG, PNG, WebP or BMP file, upright: EXIF orientation is applied, color profiles are not.
  ///
  /// Gray becomes RGB, alpha is dropped, 16-bit color keeps its high byte and 16-bit gray saturates at 255;
  /// of an animation the first frame is taken.
  ///
  /// - Parameter path: the file. Its format is recognized by its first bytes.
  /// - Throws: ``VisionError`` naming the file and the cause. Images above ``maximumPixels`` and files above
  ///   ``maximumFileBytes`` are refused before memory is taken for them.
  public init(contentsOf path: String) throws {
    let bytes: [UInt8]
    do {
      bytes = try InputFile.read(path, maximumBytes: Self.maximumFileBytes)
    } catch InputFile.Failure.tooLarge(let bytes) {
      throw VisionError.fileTooLarge(file: path, bytes: bytes)
    } catch InputFile.Failure.unreadable(let reason) {
      throw VisionError.unreadable(file: path, reason: reason)
    }
    try self.init(decoding: bytes, name: path)
  }

  /// Decodes the bytes of a JPEG, PNG, WebP or BMP file, upright, as ``init(contentsOf:)`` does.
  ///
  /// - Parameters:
  ///   - bytes: the whole file.
  ///   - name: the file's name in errors.
  /// - Throws: ``VisionError`` naming the file and the cause.
  public init(decoding bytes: some Sequence<UInt8>, name: String) throws {
    // For an array this copies nothing.
    let bytes = Array(bytes)
    guard !bytes.isEmpty else { throw VisionError.unreadable(file: name, reason: "the file is empty") }
    guard bytes.count <= Self.maximumFileBytes else {
      throw VisionError.fileTooLarge(file: name, bytes: bytes.count)
    }
    let picture: DecodedPicture
    switch ImageFormat(recognizing: bytes) {
    case .jpeg: picture = try JPEGCodec.decode(bytes, name: name)
    case .png: picture = try PNGCodec.decode(bytes, name: name)
    case .webP: picture = try WebPCodec.decode(bytes, name: name)
    case .bmp: picture = try BMPCodec.decode(bytes, name: name)
    case nil: throw VisionError.notAnImage(file: name)
    }
    self = RGBImage(width: picture.width, height: picture.height, valid: picture.pixels)
      .oriented(picture.orientation)
  }
}
