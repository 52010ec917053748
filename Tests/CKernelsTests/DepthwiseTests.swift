// DepthwiseTests.swift: depthwise convolutions against the definition in Double.

import CKernels
import SwiftletCore
import Testing

/// The window of one depthwise convolution.
struct Window: Sendable, CustomTestStringConvertible {
  let kernel: Int, stride: Int, padTop: Int, padLeft: Int, padBottom: Int, padRight: Int

  /// Kernels with code of their own and others; no padding, the same on all sides, and unequal.
  static let all: [Window] = [1, 3, 5, 7].flatMap { kernel in
    [1, 2, 3].flatMap { stride in
      let half = kernel / 2
      return [(0, 0, 0, 0), (half, half, half, half), (0, half, half, 0), (half, 0, 0, half)].map {
        Window(kernel: kernel, stride: stride, padTop: $0.0, padLeft: $0.1, padBottom: $0.2, padRight: $0.3)
      }
    }
  }

  var testDescription: String { "\(kernel)/\(stride) pads \(padTop) \(padLeft) \(padBottom) \(padRight)" }
}

/// One convolution's operands.
struct DepthwiseCase {
  let window: Window
  let height: Int, width: Int, channels: Int
  let pixel: Int, outputPixel: Int
  let outputHeight: Int, outputWidth: Int
  let input: GuardedFloats, packed: GuardedFloats, output: GuardedFloats
  let weights: [Float]
  let epilogue: EpilogueOperands
  let table: sk_kernels

  init?(
    _ table: sk_kernels, _ window: Window, size: (Int, Int), channels: Int, gap: Int, _ parts: EpilogueCase,
    _ placement: Placement
  ) throws {
    var generator = SeededGenerator(seed: 3, stream: "\(window.testDescription) \(size) \(channels)")
    self.table = table
    self.window = window
    (height, width) = size
    self.channels = channels
    let spare = (
      height + window.padTop + window.padBottom - window.kernel,
      width + window.padLeft + window.padRight - window.kernel
    )
    guard spare.0 >= 0, spare.1 >= 0 else { return nil }
    outputHeight = spare.0 / window.stride + 1
    outputWidth = spare.1 / window.stride + 1
    pixel = channels + gap
    outputPixel = channels + 2 * gap
    input = try GuardedFloats(
      spread(randomFloats(height * width * channels, &generator), width: channels, stride: pixel), placement)
    weights = randomFloats(window.kernel * window.kernel * channels, &generator)
    let source = try GuardedFloats(weights, placement)
    packed = try GuardedFloats(
      [Float](repeating: 0, count: table.depthwise_packed_count(window.kernel, channels)), placement)
    table.depthwise_pack(source.pointer, window.kernel, channels, packed.pointer)
    let zeros = [Float](repeating: 0, count: outputHeight * outputWidth * channels)
    output = try GuardedFloats(spread(zeros, width: channels, stride: outputPixel), placement)
    epilogue = try EpilogueOperands(
      parts, rows: outputHeight * outputWidth, columns: channels, placement, &generator)
  }

  var blocks: Int { (channels + table.depthwise_block - 1) / table.depthwise_block }

  /// - Parameter rowsBytes: of the rows under the kernel; 0 is the kernel's own.
  func run(rowsAtOnce: Int, blocksAtOnce: Int, rowsBytes: Int = 0) {
    var call = sk_depthwise(
      input: input.pointer, input_stride: pixel, height: height, width: width, channels: channels,
      weights: packed.pointer, kernel: window.kernel, stride: window.stride, pad_top: window.padTop,
      pad_left: window.padLeft, output: output.pointer, output_stride: outputPixel,
      output_height: outputHeight, output_width: outputWidth, epilogue: epilogue.forKernel,
      rows_bytes: rowsBytes)
    for (blockBegin, blockEnd) in pieces(blocks, of: blocksAtOnce) {
      for (rowBegin, rowEnd) in pieces(outputHeight, of: rowsAtOnce) {
        table.depthwise(&call, rowBegin, rowEnd, blockBegin, blockEnd)
      }
    }
  }

  var expected: [Expected] {
    (0..<(outputHeight * outputWidth * channels)).map { index in
      let (place, channel) = (index / channels, index % channels)
      var sum = Accumulator()
      for tap in 0..<(window.kernel * window.kernel) {
        let y = place / outputWidth * window.stride - window.padTop + tap / window.kernel
        let x = place % outputWidth * window.stride - window.padLeft + tap % window.kernel
        guard y >= 0, y < height, x >= 0, x < width else { continue }
        sum.add(input.pointer[(y * width + x) * pixel + channel], weights[tap * channels + channel])
      }
      return epilogue.finished(sum, row: place, column: channel)
    }
  }

  func check() throws {
    let note: Comment = "\(height) × \(width) × \(channels), \(epilogue.parts.testDescription)"
    run(rowsAtOnce: outputHeight, blocksAtOnce: blocks)
    let expected = expected
    let results = try #require(gathered(output.values, width: channels, stride: outputPixel), note)
    #expect(disagreement(results, expected) == nil, note)
    #expect(input.hasIntactMargins && packed.hasIntactMargins && output.hasIntactMargins, note)
    #expect(epilogue.hasIntactMargins, note)
  }
}

struct DepthwiseTests {
  @Test(arguments: Kernels.available, Window.all)
  func everyWindow(_ kernels: Kernels, _ window: Window) throws {
    let table = try kernels.table()
    let block = table.depthwise_block
    var next = 0
    var ran = 0
    for size in [(1, 1), (2, 5), (7, 7), (9, 16), (5, 23), (11, 30)] {
      for channels in [1, 3, block - 1, block, block + 1, 2 * block + block / 2, 24] {
        for placement in Placement.allCases {
          let parts = EpilogueCase.all[next % EpilogueCase.all.count]
          next += 29
          let example = try DepthwiseCase(
            table, window, size: size, channels: channels, gap: next % 2 * 3, parts, placement)
          try example?.check()
          ran += example == nil ? 0 : 1
        }
      }
    }
    #expect(ran > 0)
  }

  @Test(arguments: Kernels.available, EpilogueCase.all)
  func everyEpilogue(_ kernels: Kernels, _ parts: EpilogueCase) throws {
    let table = try kernels.table()
    let window = Window(kernel: 3, stride: 1, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1)
    for channels in [table.depthwise_block, table.depthwise_block + 5] {
      let example = try DepthwiseCase(
        table, window, size: (4, 25), channels: channels, gap: 0, parts, .beforeGuard)
      try #require(example).check()
    }
  }

  @Test(arguments: Kernels.available, Window.all)
  func theResultDoesNotDependOnHowWorkWasSplit(_ kernels: Kernels, _ window: Window) throws {
    let table = try kernels.table()
    let parts = EpilogueCase(bias: true, residual: true, activation: .hardSwish)
    func results(_ rowsAtOnce: Int, _ blocksAtOnce: Int, rowsBytes: Int = 0) throws -> [UInt32] {
      let example = try #require(
        try DepthwiseCase(
          table, window, size: (13, 17), channels: 3 * table.depthwise_block + 3, gap: 0, parts, .beforeGuard)
      )
      example.run(rowsAtOnce: rowsAtOnce, blocksAtOnce: blocksAtOnce, rowsBytes: rowsBytes)
      return example.output.values.map(\.bitPattern)
    }
    let whole = try results(.max, .max)
    for (rows, blocks) in [(1, 1), (1, Int.max), (3, 2), (.max, 1)] {
      let split = try results(rows, blocks)
      #expect(split == whole)
    }
    for rowsBytes in [1, 10_000, 1 << 20] {
      let other = try results(.max, .max, rowsBytes: rowsBytes)
      #expect(other == whole, "\(rowsBytes) bytes")
    }
  }
}
