// PoolTests.swift: pools over windows, and sums over all pixels, against the definitions in Double.

import CKernels
import SwiftletCore
import Testing

struct PoolTests {
  @Test(arguments: Kernels.available, Window.all)
  func maximaAndMeans(_ kernels: Kernels, _ window: Window) throws {
    let table = try kernels.table()
    for (height, width) in [(7, 7), (9, 12)] {
      for channels in [1, 5, table.depthwise_block, table.depthwise_block + 3] {
        for placement in Placement.allCases {
          var generator = SeededGenerator(seed: 4, stream: UInt64(channels))
          let x = try GuardedFloats(randomFloats(height * width * channels, &generator), placement)
          let outputHeight = (height + window.padTop + window.padBottom - window.kernel) / window.stride + 1
          let outputWidth = (width + window.padLeft + window.padRight - window.kernel) / window.stride + 1
          let zeros = [Float](repeating: 0, count: outputHeight * outputWidth * channels)
          let maxima = try GuardedFloats(zeros, placement)
          let means = try GuardedFloats(zeros, placement)
          var call = sk_pool(
            input: x.pointer, height: height, width: width, channels: channels, kernel: window.kernel,
            stride: window.stride, pad_top: window.padTop, pad_left: window.padLeft, output: maxima.pointer,
            output_height: outputHeight, output_width: outputWidth)
          for (begin, end) in pieces(outputHeight, of: 2) { table.max_pool(&call, begin, end) }
          call.output = means.pointer
          for (begin, end) in pieces(outputHeight, of: 2) { table.average_pool(&call, begin, end) }
          var expectedMaxima: [Expected] = []
          var expectedMeans: [Expected] = []
          for index in zeros.indices {
            let (place, channel) = (index / channels, index % channels)
            let top = place / outputWidth * window.stride - window.padTop
            let left = place % outputWidth * window.stride - window.padLeft
            var inside: [Double] = []
            for y in max(top, 0)..<min(top + window.kernel, height) {
              for x0 in max(left, 0)..<min(left + window.kernel, width) {
                inside.append(Double(x.pointer[(y * width + x0) * channels + channel]))
              }
            }
            let largest = try #require(inside.max())
            expectedMaxima.append(Expected(value: largest, tolerance: 0))
            expectedMeans.append(
              Expected(value: inside.reduce(0, +) / Double(inside.count), tolerance: 4 * unit))
          }
          #expect(disagreement(maxima.values, expectedMaxima) == nil, "\(height) × \(width) × \(channels)")
          #expect(disagreement(means.values, expectedMeans) == nil, "\(height) × \(width) × \(channels)")
          #expect(x.hasIntactMargins && maxima.hasIntactMargins && means.hasIntactMargins)
        }
      }
    }
  }

  @Test(arguments: Kernels.available)
  func aMaximumKeepsNotANumber(_ kernels: Kernels) throws {
    let table = try kernels.table()
    for position in 0..<4 {
      var x: [Float] = [1, 2, 3, 4]
      x[position] = .nan
      var y: [Float] = [0]
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          var call = sk_pool(
            input: x.baseAddress, height: 2, width: 2, channels: 1, kernel: 2, stride: 1, pad_top: 0,
            pad_left: 0, output: y.baseAddress, output_height: 1, output_width: 1)
          table.max_pool(&call, 0, 1)
        }
      }
      #expect(y[0].isNaN)
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func channelSums(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    let block = table.depthwise_block
    for channels in [1, block - 1, block, block + 1, 4 * block, 6 * block + 3] {
      for pixels in [0, 1, 2, 49] {
        for gap in [0, 3] {
          var generator = SeededGenerator(seed: 5, stream: UInt64(channels))
          let dense = randomFloats(pixels * channels, &generator)
          let x = try GuardedFloats(spread(dense, width: channels, stride: channels + gap), placement)
          let expected = (0..<channels).map { channel in
            var sum = Accumulator()
            for pixel in 0..<pixels { sum.add(dense[pixel * channels + channel], 0.25) }
            return sum.finished()
          }
          let whole = try GuardedFloats([Float](repeating: 9, count: channels), placement)
          table.channel_sum(x.pointer, channels + gap, pixels, 0.25, whole.pointer, 0, channels)
          #expect(disagreement(whole.values, expected) == nil, "\(pixels) × \(channels)")
          let split = try GuardedFloats([Float](repeating: 9, count: channels), placement)
          for (begin, end) in pieces(channels, of: 5) {
            table.channel_sum(x.pointer, channels + gap, pixels, 0.25, split.pointer, begin, end)
          }
          #expect(split.values == whole.values)
          #expect(x.hasIntactMargins && whole.hasIntactMargins && split.hasIntactMargins)
        }
      }
    }
  }

  /// Even maps, where every addition loses the same digits, up to 2048².
  @Test(arguments: Kernels.available, [0.3, 0.7, -1e-3])
  func channelSumsOfLargeMaps(_ kernels: Kernels, _ value: Double) throws {
    let table = try kernels.table()
    for (size, channels) in [(9, 70), (112, 35), (224, 3), (2048, 2)] {
      let x = [Float](repeating: Float(value), count: size * size * channels)
      var means = [Float](repeating: 0, count: channels)
      table.channel_sum(x, channels, size * size, 1 / Float(size * size), &means, 0, channels)
      // The factor is rounded too.
      let wanted = Double(Float(value)) * Double(1 / Float(size * size)) * Double(size * size)
      for mean in means { #expect(abs(Double(mean) - wanted) <= 3 * unit * abs(wanted), "\(size)²") }
    }
  }

  /// Means over large windows keep their digits too.
  @Test(arguments: Kernels.available, [0.3, 0.7, -1e-3])
  func meansOfLargeWindows(_ kernels: Kernels, _ value: Double) throws {
    let table = try kernels.table()
    let (size, kernel, channels) = (600, 512, 3)
    let x = [Float](repeating: Float(value), count: size * size * channels)
    var y = [Float](repeating: 0, count: 2 * 2 * channels)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        var call = sk_pool(
          input: x.baseAddress, height: size, width: size, channels: channels, kernel: kernel, stride: 80,
          pad_top: 0, pad_left: 0, output: y.baseAddress, output_height: 2, output_width: 2)
        table.average_pool(&call, 0, 2)
      }
    }
    for mean in y { #expect(abs(Double(mean) - Double(Float(value))) <= 3 * unit * abs(value)) }
  }
}
