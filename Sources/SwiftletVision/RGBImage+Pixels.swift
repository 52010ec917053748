// RGBImage+Pixels.swift: images from pixels as applications have them.

#if canImport(CoreGraphics)
  import CoreGraphics
#endif

/// The order of a pixel's bytes. Alpha is dropped.
public enum PixelFormat: String, Sendable, Hashable, CaseIterable {
  case rgb, bgr, rgba, bgra, gray

  /// Bytes of a pixel.
  public var byteCount: Int {
    switch self {
    case .gray: 1
    case .rgb, .bgr: 3
    case .rgba, .bgra: 4
    }
  }

  /// The offsets of red, green and blue in a pixel.
  fileprivate var offsets: (red: Int, green: Int, blue: Int) {
    switch self {
    case .rgb, .rgba: (0, 1, 2)
    case .bgr, .bgra: (2, 1, 0)
    case .gray: (0, 0, 0)
    }
  }
}

extension RGBImage {
  /// Copies an image from pixels in memory.
  ///
  /// - Parameters:
  ///   - width: pixels per row.
  ///   - height: rows.
  ///   - pixels: row by row from the top.
  ///   - format: the order of a pixel's bytes.
  ///   - bytesPerRow: bytes from row to row; those of `width` pixels if `nil`.
  /// - Throws: ``VisionError/invalidPixels(width:height:bytes:)`` where there are not enough bytes or a row does not fit into
  ///   `bytesPerRow`; ``VisionError/tooManyPixels(what:width:height:)`` above the limits.
  public init(
    width: Int, height: Int, pixels: UnsafeRawBufferPointer, format: PixelFormat, bytesPerRow: Int? = nil
  ) throws {
    try Self.checkSize(width: width, height: height, what: "image", bytes: pixels.count)
    let row = format.byteCount * width
    let stride = bytesPerRow ?? row
    let (before, overflow) = stride.multipliedReportingOverflow(by: height - 1)
    guard stride >= row, !overflow, before <= pixels.count - row else {
      throw VisionError.invalidPixels(width: width, height: height, bytes: pixels.count)
    }
    let (red, green, blue) = format.offsets
    let count = 3 * width * height
    let copied = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      var output = 0
      for y in 0..<height {
        var input = y * stride
        for _ in 0..<width {
          target[output] = pixels[input + red]
          target[output + 1] = pixels[input + green]
          target[output + 2] = pixels[input + blue]
          output += 3
          input += format.byteCount
        }
      }
      initialized = count
    }
    self.init(width: width, height: height, valid: copied)
  }

  /// Copies an image from an array of pixels.
  ///
  /// - Throws: as ``init(width:height:pixels:format:bytesPerRow:)``.
  public init(width: Int, height: Int, pixels: [UInt8], format: PixelFormat, bytesPerRow: Int? = nil) throws {
    self = try pixels.withUnsafeBytes {
      try RGBImage(width: width, height: height, pixels: $0, format: format, bytesPerRow: bytesPerRow)
    }
  }

  /// Decodes the bytes of an image file, such as `Data` that was received.
  ///
  /// - Throws: ``VisionError`` with the cause.
  public init(encoded bytes: some Sequence<UInt8>) throws { try self.init(decoding: bytes, name: "image") }

  #if canImport(CoreGraphics)
    /// Draws a Core Graphics image in device RGB. Its orientation is the caller's affair.
    ///
    /// - Throws: ``VisionError`` where there are too many pixels or no memory for them.
    public init(_ image: CGImage) throws {
      let (width, height) = (image.width, image.height)
      try Self.checkSize(width: width, height: height, what: "image")
      var pixels = [UInt8](repeating: 0, count: 4 * width * height)
      let isDrawn = pixels.withUnsafeMutableBytes { bytes in
        guard
          let context = CGContext(
            data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8,
            bytesPerRow: 4 * width,
            space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
        else { return false }
        context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
        return true
      }
      guard isDrawn else {
        throw VisionError.invalidPixels(width: width, height: height, bytes: pixels.count)
      }
      try self.init(width: width, height: height, pixels: pixels, format: .rgba)
    }
  #endif
}
