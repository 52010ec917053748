// LibraryCodecs.swift: JPEG, PNG and WebP: Swift's side of CImageCodecs.

import CImageCodecs
import SwiftletCore

enum JPEGCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
    let library = LibraryCall(name: name, format: .jpeg)
    return try bytes.withUnsafeBufferPointer { encoded in
      var decoder: OpaquePointer?
      try library.check { swiftlet_jpeg_open(encoded.baseAddress, encoded.count, &decoder, $0) }
      defer { swiftlet_jpeg_close(decoder) }
      // Before the pixels: decoding releases the segments.
      let orientation = Self.orientation(decoder)
      return try library.picture(
        width: swiftlet_jpeg_width(decoder), height: swiftlet_jpeg_height(decoder),
        read: { swiftlet_jpeg_read(decoder, $0, $1) },
        orientation: { orientation })
    }
  }

  /// EXIF may continue over several APP1 segments; of several XMP packets the last counts.
  private static func orientation(_ decoder: OpaquePointer?) -> Orientation {
    var exif: [UInt8]?
    var xmp: [UInt8]?
    let packet = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
    var index = 0
    while let segment = LibraryCall.bytes({ swiftlet_jpeg_app1(decoder, index, $0) }) {
      index += 1
      if segment.starts(with: Orientation.preamble) {
        exif = exif.map { $0 + segment.dropFirst(Orientation.preamble.count) } ?? segment
      } else if segment.starts(with: packet) {
        xmp = Array(segment.dropFirst(packet.count))
      }
    }
    return Orientation(exif: exif, xmp: xmp)
  }
}

enum PNGCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
    let library = LibraryCall(name: name, format: .png)
    return try bytes.withUnsafeBufferPointer { encoded in
      var decoder: OpaquePointer?
      try library.check { swiftlet_png_open(encoded.baseAddress, encoded.count, &decoder, $0) }
      defer { swiftlet_png_close(decoder) }
      return try library.picture(
        width: swiftlet_png_width(decoder), height: swiftlet_png_height(decoder),
        read: { swiftlet_png_read(decoder, $0, $1) },
        orientation: { Self.orientation(decoder) },
        warning: { swiftlet_png_warning(decoder).map { String(cString: $0) } })
    }
  }

  private static func orientation(_ decoder: OpaquePointer?) -> Orientation {
    func text(_ keyword: String) -> [UInt8]? {
      var count = 0
      guard let text = swiftlet_png_text(decoder, keyword, &count) else { return nil }
      return Array(UnsafeRawBufferPointer(start: text, count: count))
    }
    let exif =
      LibraryCall.bytes { swiftlet_png_exif(decoder, $0) }
      ?? text("Raw profile type exif").flatMap(rawProfile)
    return Orientation(exif: exif, xmp: text("XML:com.adobe.xmp"))
  }

  /// ImageMagick's way before PNG had an eXIf chunk: an empty line, a name, a length, lines of hexadecimal.
  private static func rawProfile(_ text: [UInt8]) -> [UInt8]? {
    let lines = text.split(separator: 0x0A, maxSplits: 3, omittingEmptySubsequences: false)
    guard lines.count == 4 else { return nil }
    var digits: [UInt8] = []
    for character in lines[3] where character != 0x0A {
      guard let digit = Character(Unicode.Scalar(character)).hexDigitValue else { return nil }
      digits.append(UInt8(digit))
    }
    guard digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

enum WebPCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
    let library = LibraryCall(name: name, format: .webP)
    return try bytes.withUnsafeBufferPointer { encoded in
      var decoder: OpaquePointer?
      try library.check { swiftlet_webp_open(encoded.baseAddress, encoded.count, &decoder, $0) }
      defer { swiftlet_webp_close(decoder) }
      // A few bytes that promise many pixels are decoded once without keeping them.
      let (width, height) = (swiftlet_webp_width(decoder), swiftlet_webp_height(decoder))
      try RGBImage.checkSize(width: width, height: height, what: name)
      if LibraryCall.promisesTooMuch(width: width, height: height, encoded: encoded.count) {
        try library.check { swiftlet_webp_check(decoder, $0) }
      }
      return try library.picture(
        width: width, height: height,
        read: { swiftlet_webp_read(decoder, $0, $1) },
        orientation: {
          Orientation(
            exif: LibraryCall.bytes { swiftlet_webp_chunk(decoder, "EXIF", $0) },
            xmp: LibraryCall.bytes { swiftlet_webp_chunk(decoder, "XMP ", $0) })
        })
    }
  }
}

/// Turns statuses of CImageCodecs into errors that name the file.
struct LibraryCall {
  let name: String
  let format: ImageFormat

  /// Bytes of pixels from which on memory is checked first: reading the limits takes longer than a small image.
  static let largeImage = 32 << 20
  /// Bytes of pixels that are decoded without a check, and bytes of pixels for each byte of a file that is believed:
  /// images have 10 to 100.
  private static let largestUnchecked = 4 << 20, mostBytesPerByte = 250

  /// Whether a file has few bytes for its pixels, so that it is decoded once without keeping them.
  static func promisesTooMuch(width: Int, height: Int, encoded: Int) -> Bool {
    let count = 3 * width * height
    return count >= largestUnchecked && count / mostBytesPerByte > encoded
  }

  func check(_ call: (UnsafeMutablePointer<CChar>?) -> Int32) throws {
    var message = [CChar](repeating: 0, count: Int(SWIFTLET_MESSAGE_SIZE))
    let status = message.withUnsafeMutableBufferPointer { call($0.baseAddress) }
    guard Int(status) != SWIFTLET_OK else { return }
    let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let reason = String(decoding: text, as: UTF8.self)
    switch Int(status) {
    case SWIFTLET_TRUNCATED: throw VisionError.truncated(file: name, format: format)
    case SWIFTLET_UNSUPPORTED: throw VisionError.unsupported(file: name, format: format, reason: reason)
    case SWIFTLET_NO_MEMORY: throw VisionError.unreadable(file: name, reason: "out of memory")
    default: throw VisionError.corrupt(file: name, format: format, reason: reason)
    }
  }

  /// Checks the size, then decodes.
  func picture(
    width: Int, height: Int,
    read: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<CChar>?) -> Int32,
    orientation: () -> Orientation, warning: () -> String? = { nil }
  ) throws -> DecodedPicture {
    guard width > 0, height > 0 else {
      throw VisionError.corrupt(file: name, format: format, reason: "no pixels")
    }
    try RGBImage.checkSize(width: width, height: height, what: name)
    let count = 3 * width * height
    let available = count >= Self.largeImage ? AvailableMemory.bytes : .max
    guard count <= available else {
      throw VisionError.unreadable(
        file: name,
        reason: "\(width)×\(height) pixels take \(AvailableMemory.text(count)) of memory, but "
          + "\(AvailableMemory.text(available)) are available")
    }
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      try check { read(buffer.baseAddress, $0) }
      initialized = count
    }
    return DecodedPicture(
      width: width, height: height, pixels: pixels, orientation: orientation(), warning: warning())
  }

  /// A copy of bytes that a decoder owns.
  static func bytes(_ call: (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt8>?) -> [UInt8]? {
    var count = 0
    guard let start = call(&count) else { return nil }
    return Array(UnsafeBufferPointer(start: start, count: count))
  }
}
