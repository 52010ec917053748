// RGBImage.swift: an image in memory.

/// An image of 8-bit RGB pixels.
public struct RGBImage: Sendable, Equatable {
  /// The most pixels an image may have: 178,956,970, where Pillow too calls a file a decompression bomb
  /// (512 MiB of RGB).
  public static let maximumPixels = 178_956_970
  /// The longest side an image may have: 1,000,000, libpng's own limit.
  public static let maximumSide = 1_000_000
  /// The largest image file that is read: 256 MiB.
  public static let maximumFileBytes = 256 << 20

  /// Pixels per row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Red, green and blue of each pixel, row by row from the top: `3 * width * height` bytes.
  public let pixels: [UInt8]

  /// Creates an image from its pixels.
  ///
  /// - Parameters:
  ///   - width: pixels per row.
  ///   - height: rows.
  ///   - pixels: red, green and blue of each pixel, row by row from the top.
  /// - Throws: ``VisionError/invalidPixels(width:height:bytes:)`` where a side is below 1 or the bytes are not
  ///   `3 * width * height`; ``VisionError/tooManyPixels(what:width:height:)`` above the limits.
  public init(width: Int, height: Int, pixels: [UInt8]) throws {
    try Self.checkSize(width: width, height: height, what: "image", bytes: pixels.count)
    guard pixels.count == 3 * width * height else {
      throw VisionError.invalidPixels(width: width, height: height, bytes: pixels.count)
    }
    self.init(width: width, height: height, valid: pixels)
  }

  /// Creates an image whose size has been checked.
  init(width: Int, height: Int, valid pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Refuses a size before anything is allocated for it.
  static func checkSize(width: Int, height: Int, what: String, bytes: Int = 0) throws {
    guard width > 0, height > 0 else {
      throw VisionError.invalidPixels(width: width, height: height, bytes: bytes)
    }
    guard width <= maximumSide, height <= maximumSide, width * height <= maximumPixels else {
      throw VisionError.tooManyPixels(what: what, width: width, height: height)
    }
  }

  /// The part of the image at column `x` and row `y`.
  ///
  /// - Parameters:
  ///   - x: the first column.
  ///   - y: the first row.
  ///   - width: columns of the part.
  ///   - height: rows of the part.
  /// - Throws: ``VisionError/outside(width:height:x:y:cropWidth:cropHeight:)`` where the part is empty or not
  ///   inside the image.
  public func cropped(x: Int, y: Int, width cropWidth: Int, height cropHeight: Int) throws -> RGBImage {
    guard x >= 0, y >= 0, cropWidth > 0, cropHeight > 0, x < width, y < height, cropWidth <= width - x,
      cropHeight <= height - y
    else {
      throw VisionError.outside(
        width: width, height: height, x: x, y: y, cropWidth: cropWidth, cropHeight: cropHeight)
    }
    if cropWidth == width, cropHeight == height { return self }
    let count = 3 * cropWidth * cropHeight
    let part = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      pixels.withUnsafeBytes { source in
        let output = UnsafeMutableRawBufferPointer(target)
        for row in 0..<cropHeight {
          let from = 3 * ((y + row) * width + x)
          UnsafeMutableRawBufferPointer(rebasing: output[(3 * cropWidth * row)...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<(from + 3 * cropWidth)]))
        }
      }
      initialized = count
    }
    return RGBImage(width: cropWidth, height: cropHeight, valid: part)
  }

  /// The image with a black border.
  ///
  /// - Precondition: the size with the border is within the limits; callers check.
  func padded(left: Int, top: Int, right: Int, bottom: Int) -> RGBImage {
    if left == 0, top == 0, right == 0, bottom == 0 { return self }
    let (newWidth, newHeight) = (width + left + right, height + top + bottom)
    var result = [UInt8](repeating: 0, count: 3 * newWidth * newHeight)
    result.withUnsafeMutableBytes { target in
      pixels.withUnsafeBytes { source in
        for row in 0..<height {
          let (from, to) = (3 * row * width, 3 * ((row + top) * newWidth + left))
          UnsafeMutableRawBufferPointer(rebasing: target[to...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<(from + 3 * width)]))
        }
      }
    }
    return RGBImage(width: newWidth, height: newHeight, valid: result)
  }
}
