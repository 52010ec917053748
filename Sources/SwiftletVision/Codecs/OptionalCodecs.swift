// OptionalCodecs.swift: GIF, TIFF, HEIC and AVIF: Swift's side of CImageCodecs, as far as the package is built with them.

import CImageCodecs
import SwiftletCore

#if GIF
  enum GIFCodec {
    static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
      let library = LibraryCall(name: name, format: .gif)
      return try bytes.withUnsafeBufferPointer { encoded in
        let checked = try open(encoded, library)
        defer { swiftlet_gif_close(checked) }
        let (width, height) = (swiftlet_gif_width(checked), swiftlet_gif_height(checked))
        try RGBImage.checkSize(width: width, height: height, what: name)
        guard LibraryCall.promisesTooMuch(width: width, height: height, encoded: encoded.count) else {
          return try picture(checked, library)
        }
        try library.check { swiftlet_gif_read(checked, nil, $0) }
        // A decoder reads its pixels once.
        let decoder = try open(encoded, library)
        defer { swiftlet_gif_close(decoder) }
        return try picture(decoder, library)
      }
    }

    private static func open(
      _ encoded: UnsafeBufferPointer<UInt8>, _ library: LibraryCall
    ) throws -> OpaquePointer? {
      var decoder: OpaquePointer?
      try library.check { swiftlet_gif_open(encoded.baseAddress, encoded.count, &decoder, $0) }
      return decoder
    }

    private static func picture(_ decoder: OpaquePointer?, _ library: LibraryCall) throws -> DecodedPicture {
      try library.picture(
        width: swiftlet_gif_width(decoder), height: swiftlet_gif_height(decoder),
        read: { swiftlet_gif_read(decoder, $0, $1) },
        orientation: { .upright })
    }
  }
#endif

#if TIFF
  enum TIFFCodec {
    static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
      let library = LibraryCall(name: name, format: .tiff)
      return try bytes.withUnsafeBufferPointer { encoded in
        var decoder: OpaquePointer?
        try library.check { swiftlet_tiff_open(encoded.baseAddress, encoded.count, &decoder, $0) }
        defer { swiftlet_tiff_close(decoder) }
        return try library.picture(
          width: swiftlet_tiff_width(decoder), height: swiftlet_tiff_height(decoder),
          read: { swiftlet_tiff_read(decoder, $0, $1) },
          orientation: {
            let value = Int(swiftlet_tiff_orientation(decoder))
            return value > 0
              ? Orientation(rawValue: value) ?? .upright
              : Orientation(exif: nil, xmp: LibraryCall.bytes { swiftlet_tiff_xmp(decoder, $0) })
          })
      }
    }
  }
#endif

#if HEIF
  /// HEIC and AVIF: one container, two codecs. The library turns images itself; EXIF's orientation does not count there.
  enum HEIFCodec {
    static func decode(_ bytes: [UInt8], name: String, format: ImageFormat) throws -> DecodedPicture {
      let library = LibraryCall(name: name, format: format)
      return try bytes.withUnsafeBufferPointer { encoded in
        var decoder: OpaquePointer?
        try library.check { swiftlet_heif_open(encoded.baseAddress, encoded.count, &decoder, $0) }
        defer { swiftlet_heif_close(decoder) }
        return try library.picture(
          width: swiftlet_heif_width(decoder), height: swiftlet_heif_height(decoder),
          read: { swiftlet_heif_read(decoder, $0, $1) },
          orientation: { .upright })
      }
    }
  }
#endif
