// DenseGeometry.swift: the strips of a dense convolution, and the taps of each pixel.

import CKernels
import SwiftletGraph

/// Taps of some pixels as offsets into a strip, for the indirect products.
struct TapTable {
  /// `[pixels][taps]`: floats from the strip's first, or −1 outside.
  let offsets: UnsafeMutableBufferPointer<Int32>
  let taps: Int
  /// Pixels whose taps need no table.
  var interior = sk_interior()

  /// - Parameters:
  ///   - pixels: the number of pixels.
  ///   - at: the offset of a pixel's tap, or `nil` outside.
  init(pixels: Int, taps: Int, _ at: (_ pixel: Int, _ tap: Int) -> Int?) {
    self.taps = taps
    offsets = .allocate(capacity: pixels * taps)
    for pixel in 0..<pixels {
      for tap in 0..<taps {
        offsets.initializeElement(
          at: pixel * taps + tap, to: Int32(truncatingIfNeeded: at(pixel, tap) ?? -1))
      }
    }
  }
}

extension Window {
  /// The outputs along one side whose taps all lie inside the input; none where the kernel is longer than the input.
  ///
  /// - Parameters:
  ///   - size: of the input along that side.
  ///   - padding: before its first pixel.
  ///   - outputs: along that side.
  fileprivate func inside(_ size: Int, padding: Int, outputs: Int) -> Range<Int> {
    let first = min((padding + stride - 1) / stride, outputs)
    let room = size + padding - kernel
    return first..<max(first, min(outputs, room < 0 ? 0 : room / stride + 1))
  }
}

/// The sizes of a dense convolution `[N, H, W, I]` → `[N, H′, W′, O]`, and its strips: some whole images, or some rows of one.
struct DenseGeometry {
  let window: Window
  let images: Int, inputs: Int, outputs: Int
  let height: Int, width: Int, outputHeight: Int, outputWidth: Int
  /// Images of a strip, 1 where an image has several strips.
  let group: Int
  /// Output rows of a strip.
  let rows: Int
  /// Blocks of channels that have nothing to do with each other: 1, or some groups together.
  let blocks: Int

  /// - Parameters:
  ///   - input: `[N, H, W, I]`.
  ///   - output: `[N, H′, W′, O]`.
  ///   - blocks: divides I and O.
  init(_ window: Window, input: Shape, output: Shape, blocks: Int = 1) {
    (self.window, self.blocks) = (window, blocks)
    (images, height, width, inputs) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth, outputs) = (output[1], output[2], output[3])
    let whole = height * width * inputs + 2 * outputHeight * outputWidth * outputs
    if whole <= 3 * stripFloats {
      rows = outputHeight
      group = max(1, min(512 / max(outputHeight * outputWidth, 1), 3 * stripFloats / max(whole, 1), images))
    } else {
      let row = window.stride * width * inputs + 2 * outputWidth * outputs
      rows = max(1, min(outputHeight, 3 * stripFloats / max(row, 1)))
      group = 1
    }
  }

  var kernel: Int { window.kernel }
  var stride: Int { window.stride }
  var taps: Int { kernel * kernel }
  var outputPixels: Int { outputHeight * outputWidth }
  var inputPixels: Int { height * width }
  /// Channels of a block.
  var blockInputs: Int { inputs / blocks }
  var blockOutputs: Int { outputs / blocks }
  /// Weights of all blocks.
  var weights: Int { blocks * taps * blockInputs * blockOutputs }
  var multiplyAdds: Int { images * outputPixels * weights }
  /// Strips of an image, or of a group of them.
  var strips: Int { (outputHeight + rows - 1) / rows }

  /// Output rows of a strip.
  func outputRows(_ strip: Int) -> Range<Int> { strip * rows..<min((strip + 1) * rows, outputHeight) }

  /// Input rows that belong to a strip when gradients are written: each belongs to one.
  func ownedRows(_ strip: Int) -> Range<Int> {
    let rows = outputRows(strip)
    let begin = min(rows.lowerBound * stride, height)
    return begin..<(rows.upperBound == outputHeight ? height : min(rows.upperBound * stride, height))
  }

  /// Input rows that a strip's outputs read; all of them where strips are whole images, which lie one after the other.
  func inputRows(_ strip: Int) -> Range<Int> {
    if strips == 1 { return 0..<height }
    let rows = outputRows(strip)
    let begin = max(0, rows.lowerBound * stride - window.padding.top)
    return
      begin..<max(
        begin, min(height, (rows.upperBound - 1) * stride - window.padding.top + kernel))
  }

  /// Output rows whose gradients a strip's own input rows receive, and its own output rows.
  func gradientRows(_ strip: Int) -> Range<Int> {
    let (own, rows) = (ownedRows(strip), outputRows(strip))
    let low = own.lowerBound + window.padding.top - (kernel - 1)
    let begin = max(0, (low + stride - 1 - (low < 0 ? stride - 1 : 0)) / stride)
    let end = min(outputHeight, (own.upperBound - 1 + window.padding.top) / stride + 1)
    return min(begin, rows.lowerBound)..<max(end, rows.upperBound)
  }

  /// The most floats of any strip's input, of its gradients, and of its results in either direction.
  var scratch: (input: Int, gradient: Int, output: Int, owned: Int) {
    var most = (input: 0, gradient: 0, output: 0, owned: 0)
    for strip in 0..<strips {
      most.input = max(most.input, inputRows(strip).count * width * inputs)
      most.gradient = max(most.gradient, gradientRows(strip).count * outputWidth * outputs)
      most.output = max(most.output, outputRows(strip).count * outputWidth * outputs)
      most.owned = max(most.owned, ownedRows(strip).count * width * inputs)
    }
    return (most.input * group, most.gradient * group, most.output * group, most.owned * group)
  }

  /// The taps of a strip's outputs in its input rows.
  func forwardTable(_ strip: Int) -> TapTable {
    let (outRows, inRows) = (outputRows(strip), inputRows(strip))
    let pixels = outRows.count * outputWidth
    var table = TapTable(pixels: pixels * group, taps: taps) { pixel, tap in
      let (image, rest) = (pixel / pixels, pixel % pixels)
      let y = (outRows.lowerBound + rest / outputWidth) * stride - window.padding.top + tap / kernel
      let x = rest % outputWidth * stride - window.padding.left + tap % kernel
      guard inRows.contains(y), x >= 0, x < width else { return nil }
      return ((image * inRows.count + y - inRows.lowerBound) * width + x) * inputs
    }
    if group == 1 && blocks == 1 {
      let columns = window.inside(width, padding: window.padding.left, outputs: outputWidth)
      let inside = window.inside(height, padding: window.padding.top, outputs: outputHeight)
      table.interior = sk_interior(
        width: outputWidth, top: max(0, inside.lowerBound - outRows.lowerBound),
        bottom: max(0, min(inside.upperBound - outRows.lowerBound, outRows.count)), left: columns.lowerBound,
        right: columns.upperBound, pixel_stride: stride * inputs, tap_rows: kernel,
        tap_row_stride: width * inputs)
    }
    return table
  }

  /// A parity class of a strided convolution: the input pixels with the same remainders of row and column by the stride. They
  /// share their taps.
  struct Parity {
    let row: Int, column: Int
    /// The taps that read pixels of the class, in the order of memory.
    let taps: [Int]
  }

  /// All parity classes; one where the stride is 1. Some have no taps.
  var parities: [Parity] {
    (0..<stride).flatMap { row in
      (0..<stride).map { column in
        let rows = (0..<kernel).filter { (row + window.padding.top - $0) % stride == 0 }.reversed()
        let columns = (0..<kernel).filter { (column + window.padding.left - $0) % stride == 0 }.reversed()
        return Parity(row: row, column: column, taps: rows.flatMap { ky in columns.map { ky * kernel + $0 } })
      }
    }
  }

  /// The owned input pixels of a strip in a parity class: rows and columns of them.
  func parityPixels(_ strip: Int, _ parity: Parity) -> (rows: [Int], columns: [Int]) {
    (
      ownedRows(strip).filter { $0 % stride == parity.row },
      (0..<width).filter { $0 % stride == parity.column }
    )
  }

  /// The gradients of the outputs of a parity class's owned input pixels, in a strip's gradient rows.
  func backwardTable(_ strip: Int, _ parity: Parity) -> TapTable {
    let gradients = gradientRows(strip)
    let (rows, columns) = parityPixels(strip, parity)
    let pixels = rows.count * columns.count
    var table = TapTable(pixels: pixels * group, taps: parity.taps.count) { pixel, index in
      let (image, rest) = (pixel / pixels, pixel % pixels)
      let y = rows[rest / columns.count] + window.padding.top - parity.taps[index] / kernel
      let x = columns[rest % columns.count] + window.padding.left - parity.taps[index] % kernel
      guard y >= 0, x >= 0, gradients.contains(y / stride), x / stride < outputWidth else { return nil }
      return ((image * gradients.count + y / stride - gradients.lowerBound) * outputWidth + x / stride)
        * outputs
    }
    if group == 1 && stride == 1 && blocks == 1 {
      // Inside where 0 ≤ pixel + padding − tap < outputs for all taps.
      let left = max(0, kernel - 1 - window.padding.left)
      let right = max(left, min(width, outputWidth - window.padding.left))
      let first = ownedRows(strip).lowerBound
      let top = kernel - 1 - window.padding.top - first
      let bottom = outputHeight - window.padding.top - first
      table.interior = sk_interior(
        width: width, top: max(0, top), bottom: max(0, min(bottom, rows.count)), left: left, right: right,
        pixel_stride: outputs, tap_rows: kernel, tap_row_stride: outputWidth * outputs)
    }
    return table
  }
}
