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

  /// The tag's value in the first directory; 0 where it is no number, `nil` where the tag is missing.
  ///
  /// Entries are read in their order, as Pillow does: where one is cut short, or points beyond the end, those after it are not read,
  /// and of several for one tag the first counts.
  static func value(exif: [UInt8]) -> Int? {
    var tiff = exif[...]
    for _ in 0..<2 where tiff.starts(with: preamble) { tiff = tiff.dropFirst(preamble.count) }
    guard let bigEndian = headers[Array(tiff.prefix(4))] else { return nil }
    let reader = ByteReader(tiff, bigEndian: bigEndian)
    guard let directory = reader.uint32(at: 4), let entries = reader.uint16(at: directory) else { return nil }
    var dataSize = 0
    for index in 0..<entries {
      let entry = directory + 2 + 12 * index
      guard entry + 12 <= reader.count, let tag = reader.uint16(at: entry),
        let type = reader.uint16(at: entry + 2), let count = reader.uint32(at: entry + 4)
      else { return nil }
      guard let unit = unitSizes[type] else { continue }
      let size = unit * count
      guard size > 0 else { continue }
      var position = entry + 8
      if size > 4 {
        dataSize += size
        guard dataSize <= reader.count else { continue }
        guard let offset = reader.uint32(at: position), offset + size <= reader.count else { return nil }
        position = offset
      }
      if tag == 0x0112 { return number(reader, type: type, at: position) ?? 0 }
    }
    return nil
  }

  /// The first four bytes of EXIF, and of what passes for it; true for big-endian numbers.
  private static let headers: [[UInt8]: Bool] = [
    Array("II*\0".utf8): false, Array("II\0*".utf8): false, Array("MM\0*".utf8): true,
    Array("MM*\0".utf8): true,
  ]
  /// The bytes of a value by the number of its type.
  private static let unitSizes = [
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
  ]

  /// The first value of an entry. Bytes and text are no numbers to Pillow; fractions and floating-point numbers are.
  private static func number(_ reader: ByteReader, type: Int, at position: Int) -> Int? {
    switch type {
    case 3, 8: return reader.uint16(at: position)
    case 4, 9, 13: return reader.uint32(at: position)
    case 6: return reader.uint8(at: position)
    case 5, 10:
      guard let numerator = reader.uint32(at: position), let denominator = reader.uint32(at: position + 4),
        denominator > 0, numerator % denominator == 0
      else { return nil }
      return numerator / denominator
    case 11: return reader.uint32(at: position).flatMap { Int(exactly: Float(bitPattern: UInt32($0))) }
    case 12: return reader.uint64(at: position).flatMap { Int(exactly: Double(bitPattern: $0)) }
    case 16: return reader.uint64(at: position).flatMap { Int(exactly: $0) }
    default: return nil
    }
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
