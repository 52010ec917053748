// BMPCodec.swift: Windows and OS/2 bitmaps, read by ourselves since no library does it.
// (Microsoft's "Bitmap Storage": BITMAPCOREHEADER, BITMAPINFOHEADER to BITMAPV5HEADER, RLE8 and RLE4.)

enum BMPCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> DecodedPicture {
    let header = try BMPHeader(ByteReader(bytes[...], bigEndian: false), name: name)
    try RGBImage.checkSize(width: header.width, height: header.height, what: name)
    // A file of a few bytes must not cost the memory of a large image.
    guard header.dataOffset <= bytes.count else { throw VisionError.truncated(file: name, format: .bmp) }
    let data = bytes[header.dataOffset...]
    let pixels: [UInt8]
    switch header.layout {
    case .runs(let palette):
      let indices = try unpackRuns(data, header: header, name: name)
      pixels = rows(header) { row, target in
        for column in 0..<header.width {
          palette.write(indices[row * header.width + column], to: target, at: 3 * column)
        }
      }
    case .palette(let palette):
      try checkLength(data, header: header, name: name)
      let bits = header.bitsPerPixel
      let mask = UInt8((1 << bits) - 1)
      pixels = data.withUnsafeBufferPointer { data in
        rows(header) { row, target in
          let start = row * header.bytesPerRow
          for column in 0..<header.width {
            let bit = column * bits
            let index = data[start + bit >> 3] >> UInt8(8 - bits - bit & 7) & mask
            palette.write(index, to: target, at: 3 * column)
          }
        }
      }
    case .channels(let channels):
      try checkLength(data, header: header, name: name)
      let size = header.bitsPerPixel / 8
      pixels = data.withUnsafeBufferPointer { data in
        rows(header) { row, target in
          var start = row * header.bytesPerRow
          for column in 0..<header.width {
            var word: UInt32 = 0
            for index in 0..<size { word |= UInt32(data[start + index]) << UInt32(8 * index) }
            for channel in 0..<3 { target[3 * column + channel] = channels[channel].value(in: word) }
            start += size
          }
        }
      }
    }
    return DecodedPicture(
      width: header.width, height: header.height, pixels: pixels, orientation: .upright)
  }

  /// Calls `fill` for each stored row with the place of that row, which is RGB, in the image.
  private static func rows(
    _ header: BMPHeader, fill: (_ row: Int, _ target: UnsafeMutableBufferPointer<UInt8>) -> Void
  ) -> [UInt8] {
    let stride = 3 * header.width
    return [UInt8](unsafeUninitializedCapacity: stride * header.height) { buffer, initialized in
      for row in 0..<header.height {
        let start = stride * (header.topDown ? row : header.height - 1 - row)
        fill(row, UnsafeMutableBufferPointer(rebasing: buffer[start..<(start + stride)]))
      }
      initialized = stride * header.height
    }
  }

  /// The padding behind the last row may be missing.
  private static func checkLength(_ data: ArraySlice<UInt8>, header: BMPHeader, name: String) throws {
    let needed = header.bytesPerRow * (header.height - 1) + (header.width * header.bitsPerPixel + 7) / 8
    guard data.count >= needed else { throw VisionError.truncated(file: name, format: .bmp) }
  }

  /// RLE8 and RLE4: palette indices, one a byte, in stored row order. Pixels that are skipped, or left out
  /// before an end-of-bitmap mark, have index 0; pixels beyond the end of a row are dropped.
  private static func unpackRuns(
    _ data: ArraySlice<UInt8>, header: BMPHeader, name: String
  ) throws -> [UInt8] {
    let (width, height) = (header.width, header.height)
    let nibbles = header.bitsPerPixel == 4
    var indices = [UInt8](repeating: 0, count: width * height)
    var (column, row) = (0, 0)
    var position = data.startIndex
    func next() throws -> UInt8 {
      guard position < data.endIndex else { throw VisionError.truncated(file: name, format: .bmp) }
      defer { position += 1 }
      return data[position]
    }
    func put(_ index: UInt8) {
      if column < width { indices[row * width + column] = index }
      column += 1
    }
    // An image without an end mark ends with its last pixel.
    while row < height - 1 || (row == height - 1 && column < width) {
      let count = Int(try next())
      let value = try next()
      switch (count, value) {
      case (0, 0):
        (column, row) = (0, row + 1)
      case (0, 1):
        return indices
      case (0, 2):
        column += Int(try next())
        row += Int(try next())
      case (0, _):
        let literals = Int(value)
        var packed: UInt8 = 0
        for literal in 0..<literals {
          if !nibbles {
            put(try next())
          } else if literal % 2 == 0 {
            packed = try next()
            put(packed >> 4)
          } else {
            put(packed & 15)
          }
        }
        let stored = nibbles ? (literals + 1) / 2 : literals
        if stored % 2 == 1, position < data.endIndex { position += 1 }
      default:
        for index in 0..<count {
          put(nibbles ? (index % 2 == 0 ? value >> 4 : value & 15) : value)
        }
      }
    }
    return indices
  }
}
