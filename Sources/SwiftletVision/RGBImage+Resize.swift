// RGBImage+Resize.swift: resizing in two passes of 8-bit pixels and integer weights, equal to Pillow's
// Image.resize (13.0) to the last bit.

/// A rectangle of whole pixels.
struct PixelRegion {
  var x, y, width, height: Int
}

extension RGBImage {
  /// The image at another size.
  ///
  /// - Parameters:
  ///   - width: pixels per row.
  ///   - height: rows.
  ///   - filter: the weights of source pixels. Of TensorFlow's filters the result is rounded to the nearest
  ///     byte; ``resizedFloats(width:height:halfPixelCenters:)`` keeps the fractions.
  /// - Throws: ``VisionError/invalidPixels(width:height:bytes:)`` where a side is below 1,
  ///   ``VisionError/tooManyPixels(what:width:height:)`` where the result is above the limits.
  public func resized(width: Int, height: Int, filter: ResizeFilter = .bilinear) throws -> RGBImage {
    try Self.checkSize(width: width, height: height, what: "resized image")
    return try resized(
      width: width, height: height, filter: filter,
      region: PixelRegion(x: 0, y: 0, width: width, height: height))
  }

  /// Part of the image at another size: no pixel outside `region` is computed.
  ///
  /// - Precondition: the region lies inside `width` × `height` and within the limits; `width` and `height`
  ///   themselves may be above them.
  func resized(width: Int, height: Int, filter: ResizeFilter, region: PixelRegion) throws -> RGBImage {
    guard let support = filter.support else {
      let halfPixel = filter == .tensorFlowBilinearHalfPixel
      let values = tensorFlowResized(
        width: width, height: height, halfPixelCenters: halfPixel, region: region)
      return RGBImage(
        width: region.width, height: region.height,
        valid: values.map { UInt8($0.rounded(.toNearestOrEven)) })
    }
    var columns: FilterTaps?
    if width != self.width {
      columns = FilterTaps(
        source: self.width, target: width, range: region.x..<(region.x + region.width), filter: filter,
        support: support)
    }
    var rows: FilterTaps?
    if height != self.height {
      rows = FilterTaps(
        source: self.height, target: height, range: region.y..<(region.y + region.height), filter: filter,
        support: support)
    }

    // The first pass computes only the pixels that the second reads. Each pass rounds to bytes, so the order is
    // part of the result: Pillow (from 13.0 on) begins with the rows where the height loses more than twice
    // as many pixels as the width. The image between the passes is never larger than the larger of the
    // other two.
    let rowsFirst = self.height - height > 2 * max(0, self.width - width)
    if rowsFirst {
      let needed = columns?.sourceRange ?? region.x..<(region.x + region.width)
      let low = withRows {
        $0.part(fromColumn: needed.lowerBound, columns: needed.count)
          .resizedRows(rows, first: region.y, count: region.height)
      }
      columns?.shift(by: -needed.lowerBound)
      guard let columns else { return low }
      return low.withRows { $0.resizedColumns(columns, rows: 0..<region.height) }
    }
    guard let columns else {
      return withRows {
        $0.part(fromColumn: region.x, columns: region.width)
          .resizedRows(rows, first: region.y, count: region.height)
      }
    }
    let needed = rows?.sourceRange ?? region.y..<(region.y + region.height)
    let narrow = withRows { $0.resizedColumns(columns, rows: needed) }
    rows?.shift(by: -needed.lowerBound)
    guard let rows else { return narrow }
    return narrow.withRows { $0.resizedRows(rows, first: 0, count: region.height) }
  }

  private func withRows<Result>(_ body: (PixelRows) -> Result) -> Result {
    pixels.withUnsafeBufferPointer { body(PixelRows(pixels: $0, stride: 3 * width, rowBytes: 3 * width)) }
  }
}

/// Rows of RGB pixels in memory of another owner.
private struct PixelRows {
  let pixels: UnsafeBufferPointer<UInt8>
  /// Bytes from one row to the next.
  let stride: Int
  /// Bytes of a row that count.
  let rowBytes: Int

  func part(fromColumn column: Int, columns: Int) -> PixelRows {
    PixelRows(
      pixels: UnsafeBufferPointer(rebasing: pixels[(3 * column)...]), stride: stride, rowBytes: 3 * columns)
  }

  /// The first pass: each of `rows` gets as many pixels as there are taps.
  func resizedColumns(_ taps: FilterTaps, rows: Range<Int>) -> RGBImage {
    let width = taps.starts.count
    let count = 3 * width * rows.count
    let result = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      taps.starts.withUnsafeBufferPointer { starts in
        taps.counts.withUnsafeBufferPointer { counts in
          taps.weights.withUnsafeBufferPointer { weights in
            var output = 0
            for row in rows {
              for column in 0..<width {
                var red = FilterTaps.half
                var green = red
                var blue = red
                var input = row &* stride &+ 3 &* starts[column]
                let weight = column &* taps.stride
                for tap in weight..<(weight &+ counts[column]) {
                  let factor = weights[tap]
                  red &+= Int32(pixels[input]) &* factor
                  green &+= Int32(pixels[input &+ 1]) &* factor
                  blue &+= Int32(pixels[input &+ 2]) &* factor
                  input &+= 3
                }
                target[output] = FilterTaps.byte(red)
                target[output &+ 1] = FilterTaps.byte(green)
                target[output &+ 2] = FilterTaps.byte(blue)
                output &+= 3
              }
            }
          }
        }
      }
      initialized = count
    }
    return RGBImage(width: width, height: rows.count, valid: result)
  }

  /// The second pass: as many rows as there are taps; without taps the `count` rows from `first` on.
  func resizedRows(_ taps: FilterTaps?, first: Int, count: Int) -> RGBImage {
    let bytes = [UInt8](unsafeUninitializedCapacity: rowBytes * count) { target, initialized in
      // Sums of a whole row, so that the inner loop runs along memory.
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: rowBytes) { sums in
        for row in 0..<count {
          let output = row &* rowBytes
          guard let taps else {
            let input = (first + row) &* stride
            for byte in 0..<rowBytes { target[output &+ byte] = pixels[input &+ byte] }
            continue
          }
          sums.initialize(repeating: FilterTaps.half)
          for tap in 0..<taps.counts[row] {
            let factor = taps.weights[row &* taps.stride &+ tap]
            let input = (taps.starts[row] &+ tap) &* stride
            for byte in 0..<rowBytes { sums[byte] &+= Int32(pixels[input &+ byte]) &* factor }
          }
          for byte in 0..<rowBytes { target[output &+ byte] = FilterTaps.byte(sums[byte]) }
        }
      }
      initialized = rowBytes * count
    }
    return RGBImage(width: rowBytes / 3, height: count, valid: bytes)
  }
}

extension FilterTaps {
  /// The initial value of a sum: one half, so that cutting off the fraction rounds.
  fileprivate static let half = Int32(1) << (fractionBits - 1)

  /// A sum as a byte: the fraction cut off, overshoot clipped.
  @inline(__always)
  fileprivate static func byte(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: max(0, min(255, sum >> fractionBits)))
  }
}
