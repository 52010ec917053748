// RGBImage+PNG.swift: an image as the bytes of a PNG file.

import CImageCodecs

extension RGBImage {
  /// The image as a PNG file of 8-bit RGB, without loss and without metadata.
  ///
  /// - Returns: the bytes of the whole file; ``init(decoding:name:)`` gives the same image back.
  /// - Throws: ``VisionError/unreadable(file:reason:)`` where memory runs out.
  public func pngBytes() throws -> [UInt8] {
    var message = [CChar](repeating: 0, count: Int(SWIFTLET_MESSAGE_SIZE))
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = pixels.withUnsafeBufferPointer { pixels in
      message.withUnsafeMutableBufferPointer {
        swiftlet_png_write(pixels.baseAddress, width, height, &bytes, &count, $0.baseAddress)
      }
    }
    defer { swiftlet_png_free(bytes) }
    guard Int(status) == SWIFTLET_OK else {
      let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw VisionError.unreadable(file: "PNG encoder", reason: String(decoding: text, as: UTF8.self))
    }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}
