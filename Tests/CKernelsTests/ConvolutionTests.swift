// ConvolutionTests.swift: dense convolutions as indirect products against the definition in Double.

import CKernels
import SwiftletCore
import Testing

/// One image's convolution: height × width pixels of `depth` channels, `pixel` floats apart.
struct ConvolutionCase {
  let height: Int, width: Int, depth: Int, columns: Int
  let kernel: Int, stride: Int, pad: Int
  let pixel: Int
  let outputHeight: Int, outputWidth: Int
  let input: GuardedFloats, b: GuardedFloats, c: GuardedFloats, zeros: GuardedFloats
  let weights: [Float]
  let offsets: [Int32]
  let epilogue: EpilogueOperands
  let table: sk_kernels

  init(
    _ table: sk_kernels, size: (Int, Int), depth: Int, columns: Int, kernel: Int, stride: Int, pad: Int,
    gap: Int, _ parts: EpilogueCase, _ placement: Placement
  ) throws {
    var generator = SeededGenerator(seed: 2, stream: "\(size) \(depth) \(columns) \(kernel)")
    self.table = table
    (height, width) = size
    (self.depth, self.columns, self.kernel, self.stride, self.pad) = (depth, columns, kernel, stride, pad)
    pixel = depth + gap
    outputHeight = (height + 2 * pad - kernel) / stride + 1
    outputWidth = (width + 2 * pad - kernel) / stride + 1
    input = try GuardedFloats(
      spread(randomFloats(height * width * depth, &generator), width: depth, stride: pixel), placement)
    weights = randomFloats(kernel * kernel * depth * columns, &generator)
    zeros = try GuardedFloats([Float](repeating: 0, count: depth), placement)
    let taps = kernel * kernel
    b = try GuardedFloats(
      [Float](repeating: 0, count: table.gemm_packed_count(taps * depth, columns)), placement)
    table.gemm_pack(weights, columns, taps * depth, columns, b.pointer)
    let pixels = outputHeight * outputWidth
    c = try GuardedFloats([Float](repeating: 0, count: pixels * columns), placement)
    var offsets: [Int32] = []
    for index in 0..<(pixels * taps) {
      let (place, tap) = (index / taps, index % taps)
      let y = place / outputWidth * stride - pad + tap / kernel
      let x = place % outputWidth * stride - pad + tap % kernel
      let isInside = y >= 0 && y < height && x >= 0 && x < width
      offsets.append(isInside ? Int32((y * width + x) * pixel) : -1)
    }
    self.offsets = offsets
    epilogue = try EpilogueOperands(parts, rows: pixels, columns: columns, placement, &generator)
  }

  var panels: Int { (columns + table.gemm_panel - 1) / table.gemm_panel }
  var pixels: Int { outputHeight * outputWidth }

  /// The pixels whose taps are all inside the image; none where pixels are apart.
  private var interior: sk_interior {
    guard pixel == depth else { return sk_interior() }
    func inside(_ size: Int, _ count: Int) -> Range<Int> {
      let places = (0..<count).filter { $0 * stride >= pad && $0 * stride - pad + kernel <= size }
      return places.isEmpty ? 0..<0 : places[0]..<(places[places.count - 1] + 1)
    }
    let (rows, columns) = (inside(height, outputHeight), inside(width, outputWidth))
    return sk_interior(
      width: outputWidth, top: rows.lowerBound, bottom: rows.upperBound, left: columns.lowerBound,
      right: columns.upperBound, pixel_stride: stride * depth, tap_rows: kernel,
      tap_row_stride: width * depth)
  }

  func run(pixelsAtOnce: Int, withInterior: Bool = true, blockBytes: Int = 0) {
    offsets.withUnsafeBufferPointer { offsets in
      var call = sk_conv(
        input: input.pointer, offsets: offsets.baseAddress, zeros: zeros.pointer, b: b.pointer,
        c: c.pointer, c_stride: columns, pixels: pixels, taps: kernel * kernel, depth: depth,
        columns: columns, epilogue: epilogue.forKernel,
        interior: withInterior ? interior : sk_interior(), block_bytes: blockBytes)
      for (begin, end) in pieces(pixels, of: pixelsAtOnce) { table.conv(&call, begin, end, 0, panels) }
    }
  }

  var expected: [Expected] {
    (0..<(pixels * columns)).map { index in
      let (place, column) = (index / columns, index % columns)
      var sum = Accumulator()
      for tap in 0..<(kernel * kernel) {
        let y = place / outputWidth * stride - pad + tap / kernel
        let x = place % outputWidth * stride - pad + tap % kernel
        guard y >= 0, y < height, x >= 0, x < width else { continue }
        for k in 0..<depth {
          sum.add(
            input.pointer[(y * width + x) * pixel + k], weights[(tap * depth + k) * columns + column])
        }
      }
      return epilogue.finished(sum, row: place, column: column)
    }
  }
}

struct ConvolutionTests {
  @Test(arguments: Kernels.available, Placement.allCases)
  func convolutionsOfManyShapes(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    var next = 0
    for (size, kernel, stride, pad) in [
      ((9, 7), 3, 1, 1), ((13, 11), 3, 2, 1), ((8, 9), 3, 2, 0), ((5, 6), 1, 2, 0), ((9, 9), 5, 1, 2),
      ((2, 3), 5, 1, 2),
      ((11, 9), 7, 2, 3), ((9, 40), 3, 2, 1), ((6, 31), 3, 1, 1), ((17, 40), 7, 2, 3), ((7, 23), 3, 1, 0),
    ] {
      for (depth, columns) in [(1, 5), (3, 16), (3, 32), (4, table.gemm_panel + 1), (7, 24)] {
        for gap in [0, 2] {
          let parts = EpilogueCase.all[next % EpilogueCase.all.count]
          next += 53
          let example = try ConvolutionCase(
            table, size: size, depth: depth, columns: columns, kernel: kernel, stride: stride, pad: pad,
            gap: gap,
            parts, placement)
          example.run(pixelsAtOnce: example.pixels, blockBytes: [0, 1, 3000][next % 3])
          let expected = example.expected
          let note: Comment = "\(size) kernel \(kernel) stride \(stride) \(depth) → \(columns)"
          #expect(disagreement(example.c.values, expected) == nil, note)
          #expect(example.c.hasIntactMargins && example.input.hasIntactMargins, note)
        }
      }
    }
  }

  @Test(arguments: Kernels.available)
  func theResultDoesNotDependOnHowPixelsWereSplit(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let parts = EpilogueCase(bias: true, activation: .hardSwish)
    func results(_ pixelsAtOnce: Int, withInterior: Bool) throws -> [UInt32] {
      let example = try ConvolutionCase(
        table, size: (15, 44), depth: 3, columns: 24, kernel: 3, stride: 2, pad: 1, gap: 0, parts,
        .beforeGuard)
      example.run(pixelsAtOnce: pixelsAtOnce, withInterior: withInterior)
      return example.c.values.map(\.bitPattern)
    }
    let whole = try results(.max, withInterior: false)
    for pixelsAtOnce in [1, 2, 7, 13, .max] {
      let split = try results(pixelsAtOnce, withInterior: true)
      #expect(split == whole)
    }
  }
}
