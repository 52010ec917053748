// BMPHeader.swift: the header of a bitmap: size, layout, palette, channel masks.

struct BMPHeader {
  /// The bits of a channel in a pixel's little-endian word.
  struct Channel {
    let shift: UInt32
    let maximum: UInt32

    /// - Parameter mask: contiguous bits; `nil` is returned for others. A mask of 0 gives a black channel.
    init?(mask: UInt32) {
      shift = mask == 0 ? 0 : UInt32(mask.trailingZeroBitCount)
      maximum = mask >> shift
      guard maximum & (maximum &+ 1) == 0, maximum <= 0xFFFF else { return nil }
    }

    /// The channel of `word`, stretched to 0...255.
    func value(in word: UInt32) -> UInt8 {
      maximum == 0 ? 0 : UInt8(truncatingIfNeeded: (word >> shift & maximum) * 255 / maximum)
    }
  }

  /// 256 colors; those the file does not give are black.
  struct Palette {
    private let colors: [UInt8]

    init(_ bytes: ArraySlice<UInt8>, entrySize: Int) {
      var colors = [UInt8](repeating: 0, count: 768)
      let start = bytes.startIndex
      for index in 0..<min(256, bytes.count / entrySize) {
        // Stored as blue, green, red.
        for channel in 0..<3 { colors[3 * index + channel] = bytes[start + entrySize * index + 2 - channel] }
      }
      self.colors = colors
    }

    func write(_ index: UInt8, to target: UnsafeMutableBufferPointer<UInt8>, at position: Int) {
      for channel in 0..<3 { target[position + channel] = colors[3 * Int(index) + channel] }
    }
  }

  /// The layout of stored pixels.
  enum Layout {
    /// Packed palette indices of 1, 4 or 8 bits.
    case palette(Palette)
    /// Run-length coded palette indices of 4 or 8 bits.
    case runs(Palette)
    /// Red, green and blue in a word of 16, 24 or 32 bits.
    case channels([Channel])
  }

  let width: Int
  let height: Int
  let topDown: Bool
  let bitsPerPixel: Int
  let layout: Layout
  /// The offset of the pixels in the file.
  let dataOffset: Int

  /// Rows are padded to 4 bytes.
  var bytesPerRow: Int { (width * bitsPerPixel + 31) / 32 * 4 }

  /// Reads the header of a whole file.
  init(_ file: ByteReader, name: String) throws {
    func field(_ value: Int?) throws -> Int {
      guard let value else { throw VisionError.truncated(file: name, format: .bmp) }
      return value
    }
    func unsupported(_ reason: String) -> VisionError {
      .unsupported(file: name, format: .bmp, reason: reason)
    }

    let offset = try field(file.uint32(at: 10))
    let size = try field(file.uint32(at: 14))
    guard [12, 40, 52, 56, 64, 108, 124].contains(size) else {
      throw unsupported("header of \(size) bytes")
    }
    let core = size == 12
    width = try field(core ? file.uint16(at: 18) : file.int32(at: 18))
    let signedHeight = try field(core ? file.uint16(at: 20) : file.int32(at: 22))
    topDown = signedHeight < 0
    height = abs(signedHeight)
    bitsPerPixel = try field(core ? file.uint16(at: 24) : file.uint16(at: 28))
    let compression = core ? 0 : try field(file.uint32(at: 30))
    let declaredColors = core ? 0 : try field(file.uint32(at: 46))
    // The fields of the header are all there before any of them is used.
    _ = try field(file.uint8(at: 14 + size - 1))
    guard width > 0, height > 0 else {
      throw VisionError.corrupt(file: name, format: .bmp, reason: "a size of \(width)×\(signedHeight) pixels")
    }
    guard [1, 4, 8, 16, 24, 32].contains(bitsPerPixel) else {
      throw unsupported("\(bitsPerPixel) bits a pixel")
    }

    var tableStart = 14 + size
    switch (compression, bitsPerPixel) {
    case (0, 16): layout = .channels(Self.channels([0x7C00, 0x03E0, 0x001F]))
    case (0, 24), (0, 32): layout = .channels(Self.channels([0xFF_0000, 0xFF00, 0xFF]))
    case (3, 16), (3, 24), (3, 32):
      // Behind a header of 40 bytes, inside a longer one: in both cases at byte 54.
      let masks = try (0..<3).map { UInt32(truncatingIfNeeded: try field(file.uint32(at: 54 + 4 * $0))) }
      let channels =
        bitsPerPixel == 32 && masks.allSatisfy { $0 == 0 }
        ? Self.channels([0xFF_0000, 0xFF00, 0xFF]) : Self.channels(masks)
      guard channels.count == 3, channels.contains(where: { $0.maximum > 0 }) else {
        throw unsupported("channel masks \(masks)")
      }
      layout = .channels(channels)
      if size == 40 { tableStart += 12 }
    case (0, 1), (0, 4), (0, 8), (1, 8), (2, 4):
      let colors = declaredColors == 0 ? 1 << bitsPerPixel : declaredColors
      guard colors <= 65536 else {
        throw VisionError.corrupt(file: name, format: .bmp, reason: "a palette of \(colors) colors")
      }
      let entrySize = core ? 3 : 4
      // More than 256 colors cannot be named by 8 bits, yet they take room.
      let palette = Palette(
        file.slice(from: tableStart, count: entrySize * min(colors, 256)), entrySize: entrySize)
      layout = compression == 0 ? .palette(palette) : .runs(palette)
      tableStart += entrySize * colors
    default:
      throw unsupported("compression \(compression) of \(bitsPerPixel) bits a pixel")
    }
    // Some writers leave the offset 0, or forget the palette in it.
    let headerEnd = 14 + size
    dataOffset = offset == 0 || (offset == headerEnd && bitsPerPixel <= 8) ? tableStart : offset
  }

  private static func channels(_ masks: [UInt32]) -> [Channel] { masks.compactMap(Channel.init(mask:)) }
}
