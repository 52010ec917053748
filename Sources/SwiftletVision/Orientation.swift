// Orientation.swift: the EXIF orientation: reading it, and turning an image by it.
// (Exif 2.3, 4.6.4, tag 0x0112; TIFF 6.0 for the directory; XMP part 2, tiff:Orientation.)

/// The rotation or reflection that turns stored pixels upright; raw values are EXIF's.
enum Orientation: Int {
  case upright = 1
  case mirrored, halfTurn, flipped, transposed, quarterTurn, transversed, threeQuarterTurn

  /// Reads it from an image's metadata. EXIF goes before XMP; damaged metadata turn nothing.
  ///
  /// - Parameters:
  ///   - exif: a TIFF structure, with or without the "Exif" preamble.
  ///   - xmp: an XMP packet.
  init(exif: [UInt8]?, xmp: [UInt8]?) {
    let value = exif.flatMap(Self.value(exif:)) ?? xmp.flatMap(Self.value(xmp:))
    self = value.flatMap(Orientation.init(rawValue:)) ?? .upright
  }

  /// The tag's value in the first directory, whatever it is; `nil` where the tag is missing.
  static func value(exif: [UInt8]) -> Int? {
    var tiff = exif[...]
    while tiff.starts(with: Self.preamble) { tiff = tiff.dropFirst(Self.preamble.count) }
    let reader: ByteReader
    if tiff.starts(with: "II".utf8) {
      reader = ByteReader(tiff, bigEndian: false)
    } else if tiff.starts(with: "MM".utf8) {
      reader = ByteReader(tiff, bigEndian: true)
    } else {
      return nil
    }
    guard let directory = reader.uint32(at: 4), let entries = reader.uint16(at: directory) else { return nil }
    var found: Int?
    for index in 0..<entries {
      let entry = directory + 2 + 12 * index
      guard let tag = reader.uint16(at: entry), let type = reader.uint16(at: entry + 2),
        let count = reader.uint32(at: entry + 4)
      else { break }
      guard tag == 0x0112, count > 0 else { continue }
      // Signed or not; a single byte is no number to Pillow.
      let size = [3: 2, 4: 4, 8: 2, 9: 4][type] ?? 0
      guard size > 0 else { continue }
      guard let position = size * count <= 4 ? entry + 8 : reader.uint32(at: entry + 8) else { continue }
      found = (size == 2 ? reader.uint16(at: position) : reader.uint32(at: position)) ?? found
    }
    return found
  }

  /// The digit after the first `tiff:Orientation="` or `tiff:Orientation>`.
  static func value(xmp: [UInt8]) -> Int? {
    let key = Array("tiff:Orientation".utf8)
    var start = 0
    while start + key.count < xmp.count {
      guard xmp[start] == key[0], xmp[start...].starts(with: key) else {
        start += 1
        continue
      }
      var rest = xmp[(start + key.count)...]
      if rest.starts(with: "=\"".utf8) {
        rest = rest.dropFirst(2)
      } else if rest.starts(with: ">".utf8) {
        rest = rest.dropFirst(1)
      } else {
        start += key.count
        continue
      }
      if let digit = rest.first, (0x30...0x39).contains(digit) { return Int(digit) - 0x30 }
      start += key.count
    }
    return nil
  }

  /// The bytes before EXIF in a JPEG segment.
  static let preamble = Array("Exif\0\0".utf8)
}

extension RGBImage {
  /// The image turned upright.
  func oriented(_ orientation: Orientation) -> RGBImage {
    let (columns, rows) = (width, height)
    // The pixel of the source that becomes the first, and the steps (in pixels) along a row and a column.
    let first: Int, alongRow: Int, alongColumn: Int
    switch orientation {
    case .upright: return self
    case .mirrored: (first, alongRow, alongColumn) = (columns - 1, -1, columns)
    case .halfTurn: (first, alongRow, alongColumn) = (columns * rows - 1, -1, -columns)
    case .flipped: (first, alongRow, alongColumn) = (columns * (rows - 1), 1, -columns)
    case .transposed: (first, alongRow, alongColumn) = (0, columns, 1)
    case .quarterTurn: (first, alongRow, alongColumn) = (columns * (rows - 1), -columns, 1)
    case .transversed: (first, alongRow, alongColumn) = (columns * rows - 1, -columns, -1)
    case .threeQuarterTurn: (first, alongRow, alongColumn) = (columns - 1, columns, -1)
    }
    let swapped = orientation.rawValue >= Orientation.transposed.rawValue
    let (newWidth, newHeight) = swapped ? (rows, columns) : (columns, rows)
    let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        var output = 0
        for row in 0..<newHeight {
          var input = 3 * (first + row * alongColumn)
          for _ in 0..<newWidth {
            target[output] = source[input]
            target[output + 1] = source[input + 1]
            target[output + 2] = source[input + 2]
            output += 3
            input += 3 * alongRow
          }
        }
        initialized = output
      }
    }
    return RGBImage(width: newWidth, height: newHeight, valid: turned)
  }
}
