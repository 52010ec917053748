// TrainingKernelTests.swift: views, their gradients and sums, weight gradients and packing, against sums in Double between forbidden
// pages, for channels and pixels around the vectors' and the tiles' sizes.

import CKernels
import SwiftletCore
import Testing

struct TrainingKernelTests {
  /// Channels below, at and above half vectors, vectors and tiles; pixels around the blocks of four.
  static let channelCounts = [1, 3, 7, 8, 9, 15, 16, 17, 24, 40, 49]
  static let pixelCounts = [1, 3, 4, 5, 9]

  /// The tensors and coefficients of a view, each between forbidden pages.
  struct Operands {
    let y: GuardedFloats, g: GuardedFloats
    let vectors: [GuardedFloats]

    init(_ channels: Int, _ pixels: Int, _ placement: Placement, _ generator: inout SeededGenerator) throws {
      y = try GuardedFloats(randomFloats(pixels * channels, &generator).map { $0 * 4 }, placement)
      g = try GuardedFloats(randomFloats(pixels * channels, &generator), placement)
      var all: [GuardedFloats] = []
      for _ in 0..<7 { all.append(try GuardedFloats(randomFloats(channels, &generator), placement)) }
      vectors = all
    }

    func view(_ channels: Int, _ activation: Activation, gated: Bool, hasGradient: Bool = true) -> sk_prologue
    {
      sk_prologue(
        y: y.pointer, g: hasGradient ? UnsafePointer(g.pointer) : nil, y_stride: channels, g_stride: channels,
        channels: channels, scale: vectors[0].pointer,
        shift: vectors[1].pointer, gate: gated ? UnsafePointer(vectors[2].pointer) : nil,
        offset: gated ? UnsafePointer(vectors[3].pointer) : nil, a: vectors[4].pointer,
        b: vectors[5].pointer, c: vectors[6].pointer, activation: Int32(activation.rawValue),
        center: gated ? UnsafePointer(vectors[5].pointer) : nil)
    }

    func value(_ vector: Int, _ index: Int, _ channels: Int) -> Double {
      Double(vectors[vector].pointer[index % channels])
    }

    /// scale · y + shift.
    func normed(_ index: Int, _ channels: Int) -> Double {
      Double(y.pointer[index]) * value(0, index, channels) + value(1, index, channels)
    }

    /// d at an element.
    func gradient(_ index: Int, _ channels: Int, _ activation: Activation, gated: Bool) -> Double {
      let incoming =
        Double(g.pointer[index]) * (gated ? value(2, index, channels) : 1)
        + (gated ? value(3, index, channels) : 0)
      return incoming * derivative(activation, normed(index, channels))
    }

    var areIntact: Bool { y.hasIntactMargins && g.hasIntactMargins && vectors.allSatisfy(\.hasIntactMargins) }
  }

  static func derivative(_ activation: Activation, _ z: Double) -> Double {
    switch activation {
    case .none: return 1
    case .relu: return z > 0 ? 1 : 0
    case .relu6: return z > 0 && z < 6 ? 1 : 0
    case .hardSwish: return z <= -3 ? 0 : z < 3 ? z / 3 + 0.5 : 1
    case .hardSigmoid: return z > -3 && z < 3 ? 1.0 / 6 : 0
    case .sigmoid:
      let s = Activation.sigmoid(z)
      return s * (1 - s)
    case .silu:
      let s = Activation.sigmoid(z)
      return s * (1 + z * (1 - s))
    case .tanh:
      let t = Activation.tanh(z)
      return 1 - t * t
    }
  }

  private func close(_ value: Double, _ scale: Double = 8) -> Expected {
    Expected(value: value, tolerance: 8 * unit * (abs(value) + scale))
  }

  @Test(arguments: Kernels.available, Activation.allCases)
  func viewsAndTheirGradients(_ kernels: Kernels, _ activation: Activation) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 31)
    for placement in Placement.allCases {
      for channels in Self.channelCounts {
        for pixels in Self.pixelCounts {
          for gated in [false, true] {
            let operands = try Operands(channels, pixels, placement, &generator)
            var view = operands.view(channels, activation, gated: gated)
            let count = pixels * channels
            let out = try GuardedFloats([Float](repeating: 0, count: count), placement)
            let what = "\(activation), \(pixels) × \(channels), gated \(gated)"
            training.prologue(&view, 0, pixels, out.pointer, channels)
            let forwards = (0..<count).map { index in
              close(
                activation(operands.normed(index, channels))
                  * (gated ? operands.value(2, index, channels) : 1))
            }
            #expect(disagreement(out.values, forwards) == nil, "view: \(what)")
            training.gradient(&view, 0, pixels, out.pointer, channels)
            let backwards = (0..<count).map { index in
              close(
                operands.gradient(index, channels, activation, gated: gated)
                  * operands.value(4, index, channels) + Double(operands.y.pointer[index])
                  * operands.value(5, index, channels) + operands.value(6, index, channels))
            }
            #expect(disagreement(out.values, backwards) == nil, "gradient: \(what)")
            #expect(out.hasIntactMargins && operands.areIntact)
          }
        }
      }
    }
  }

  @Test(arguments: Kernels.available, Activation.allCases)
  func sumsOfGradientsAndOfViews(_ kernels: Kernels, _ activation: Activation) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 32)
    for placement in Placement.allCases {
      for channels in Self.channelCounts {
        for pixels in Self.pixelCounts {
          let operands = try Operands(channels, pixels, placement, &generator)
          var view = operands.view(channels, activation, gated: true)
          let count = pixels * channels
          let out = try GuardedFloats([Float](repeating: 0, count: count), placement)
          let sums = try GuardedFloats([Float](repeating: 1, count: 2 * channels), placement)
          training.gradient_sums(&view, 0, pixels, out.pointer, channels, sums.pointer, 0)
          let d = (0..<count).map { operands.gradient($0, channels, activation, gated: true) }
          #expect(disagreement(out.values, d.map { close($0) }) == nil)
          var expected = [Double](repeating: 1, count: 2 * channels)
          for (index, value) in d.enumerated() {
            expected[index % channels] += value
            expected[channels + index % channels] +=
              value * (Double(operands.y.pointer[index]) - operands.value(5, index, channels))
          }
          #expect(
            disagreement(sums.values, expected.map { close($0, 100) }) == nil,
            "\(activation), \(pixels) × \(channels)")
          let pooled = try GuardedFloats([Float](repeating: 0, count: channels), placement)
          training.pooled(&view, 0, pixels, pooled.pointer)
          var products = [Double](repeating: 0, count: channels)
          for index in 0..<count {
            products[index % channels] +=
              activation(operands.normed(index, channels)) * operands.value(2, index, channels)
              * Double(operands.g.pointer[index])
          }
          #expect(disagreement(pooled.values, products.map { close($0, 100) }) == nil)
          #expect(
            out.hasIntactMargins && sums.hasIntactMargins && pooled.hasIntactMargins && operands.areIntact)
        }
      }
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func momentsWithAndWithoutACopy(_ kernels: Kernels, _ placement: Placement) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 33)
    for channels in Self.channelCounts {
      for pixels in Self.pixelCounts {
        let x = try GuardedFloats(randomFloats(pixels * channels, &generator), placement)
        let pivot = try GuardedFloats(randomFloats(channels, &generator), placement)
        let copy = try GuardedFloats([Float](repeating: 0, count: x.count), placement)
        for out in [nil, copy.pointer] {
          let sums = try GuardedFloats([Float](repeating: 0, count: 2 * channels), placement)
          training.statistics(
            x.pointer, channels, pixels, channels, pivot.pointer, out, channels, sums.pointer, 0)
          var expected = [Double](repeating: 0, count: 2 * channels)
          for (index, value) in x.values.enumerated() {
            let apart = Double(value) - Double(pivot.values[index % channels])
            expected[index % channels] += apart
            expected[channels + index % channels] += apart * apart
          }
          #expect(disagreement(sums.values, expected.map { close($0) }) == nil)
          #expect(sums.hasIntactMargins && pivot.hasIntactMargins)
          var totals = [Double](repeating: 1, count: 2 * channels)
          let before = sums.values
          training.accumulate(sums.pointer, &totals, 2 * channels)
          #expect(totals == before.map { 1 + Double($0) } && sums.values.allSatisfy { $0 == 0 })
        }
        #expect(copy.values == x.values && copy.hasIntactMargins && x.hasIntactMargins)
      }
    }
  }

  /// Strips of any sizes join to the mean and the squares of all pixels, far from zero too.
  @Test(arguments: Kernels.available, [0.0, 1, 1000])
  func momentsOfStripsJoin(_ kernels: Kernels, _ offset: Double) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 38)
    for channels in Self.channelCounts {
      let strips = [1, 5, 84, 3]
      let pixels = strips.reduce(0, +)
      let x = randomFloats(pixels * channels, &generator).map { $0 + Float(offset) }
      var statistics = [Double](repeating: 0, count: 2 * channels)
      var sums = [Float](repeating: 0, count: 2 * channels)
      var pivot = Array(x[..<channels])
      var before = 0
      for strip in strips {
        x.withUnsafeBufferPointer { x in
          guard let start = x.baseAddress else { return }
          training.statistics(
            start + before * channels, channels, strip, channels, pivot, nil, 0, &sums, 0)
        }
        training.merge_statistics(&sums, &pivot, strip, &statistics, before, channels)
        before += strip
      }
      for c in 0..<channels {
        let values = (0..<pixels).map { Double(x[$0 * channels + c]) }
        let mean = values.reduce(0, +) / Double(pixels)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        #expect(abs(statistics[c] - mean) <= 1e-6 * max(1, 1e-3 * offset))
        #expect(abs(statistics[channels + c] - squares) <= 2e-6 * squares + 1e-6)
        #expect(pivot[c] == Float(statistics[c]))
      }
      #expect(sums.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func weightGradients(_ kernels: Kernels, _ placement: Placement) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 34)
    for rows in [1, 3, 4, 7, 8, 9, 13] {
      for columns in [1, 5, 8, 15, 16, 23, 24, 31, 33, 47, 48, 56, 64, 72, 97] {
        for (images, runs, length) in [(1, 1, 1), (1, 1, 10), (2, 3, 2)] {
          let pixels = images * runs * length
          let a = try GuardedFloats(randomFloats(pixels * rows, &generator), placement)
          let v = try GuardedFloats(randomFloats(pixels * columns, &generator), placement)
          let start = randomFloats(rows * columns, &generator)
          for adds in [false, true] {
            let w = try GuardedFloats(start, placement)
            var outer = sk_weight_gradient()
            (outer.a, outer.v, outer.w) = (UnsafePointer(a.pointer), UnsafePointer(v.pointer), w.pointer)
            (outer.a_pixel, outer.a_run, outer.a_image) = (rows, rows * length, rows * length * runs)
            (outer.v_pixel, outer.v_run, outer.v_image) = (
              columns, columns * length, columns * length * runs
            )
            (outer.images, outer.runs, outer.length) = (images, runs, length)
            (outer.rows, outer.columns, outer.w_stride) = (rows, columns, columns)
            outer.adds = adds ? 1 : 0
            // The memory is prefetched, never read.
            var prefetch = sk_prefetch()
            prefetch.at.0 = UnsafeRawPointer(a.pointer).assumingMemoryBound(to: CChar.self)
            prefetch.end.0 = prefetch.at.0.map { $0 + 100_000 }
            withUnsafeMutablePointer(to: &prefetch) {
              outer.prefetch = $0
              training.weight_gradient(&outer, 0, columns)
            }
            let expected = (0..<rows * columns).map { index -> Expected in
              var sum = Accumulator()
              if adds { sum.add(start[index], 1) }
              for pixel in 0..<pixels {
                sum.add(
                  a.pointer[pixel * rows + index / columns], v.pointer[pixel * columns + index % columns])
              }
              return sum.finished()
            }
            #expect(
              disagreement(w.values, expected) == nil, "\(pixels) pixels, \(rows) × \(columns), adds \(adds)")
            #expect(a.hasIntactMargins && v.hasIntactMargins && w.hasIntactMargins)
          }
        }
      }
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func depthwiseWeightGradients(_ kernels: Kernels, _ placement: Placement) throws {
    let training = try #require(try kernels.table().training).pointee
    var generator = SeededGenerator(seed: 35)
    for (kernel, stride) in [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (3, 3)] {
      for channels in [1, 8, 13, 16, 24, 33] {
        for pixels in [1, 2, 7, 9, 15] {
          let width = (pixels - 1) * stride + kernel
          let x = try GuardedFloats(randomFloats(kernel * width * channels, &generator), placement)
          let g = try GuardedFloats(randomFloats(pixels * channels, &generator), placement)
          let start = randomFloats(kernel * kernel * channels, &generator)
          let w = try GuardedFloats(start, placement)
          var call = sk_depthwise_weight_gradient(
            x: x.pointer, x_row: width * channels, g: g.pointer, g_pixel: channels, pixels: pixels,
            channels: channels, kernel: kernel, stride: stride, w: w.pointer)
          training.depthwise_weight_gradient(&call)
          let expected = start.indices.map { index -> Expected in
            let (tap, c) = (index / channels, index % channels)
            var sum = Accumulator()
            sum.add(start[index], 1)
            for pixel in 0..<pixels {
              let at = (tap / kernel * width + pixel * stride + tap % kernel) * channels + c
              sum.add(x.pointer[at], g.pointer[pixel * channels + c])
            }
            return sum.finished()
          }
          #expect(
            disagreement(w.values, expected) == nil,
            "kernel \(kernel), stride \(stride), \(pixels) pixels, \(channels) channels")
          #expect(x.hasIntactMargins && g.hasIntactMargins && w.hasIntactMargins)
        }
      }
    }
  }

  @Test(arguments: Kernels.available)
  func packingIsThatOfTheProducts(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let training = try #require(table.training).pointee
    var generator = SeededGenerator(seed: 36)
    for depth in [1, 5, 16] {
      for columns in [1, 7, 8, 16, 23, 24, 32, 40, 65] {
        let w = randomFloats(depth * columns, &generator)
        let turned = (0..<depth * columns).map { w[$0 % depth * columns + $0 / depth] }
        let count = table.gemm_packed_count(depth, columns)
        var expected = [Float](repeating: -1, count: count)
        table.gemm_pack(w, columns, depth, columns, &expected)
        let panels = (columns + table.gemm_panel - 1) / table.gemm_panel
        for (source, kStride, nStride) in [(w, columns, 1), (turned, 1, depth)] {
          var packed = [Float](repeating: -2, count: count)
          for panel in 0..<panels {
            training.pack(source, kStride, nStride, depth, columns, &packed, depth, 0, panel, panel + 1)
          }
          #expect(packed == expected, "\(depth) × \(columns)")
        }
      }
    }
  }

  /// The weight gradient by tiles against sums over pixels, for images that are no whole tiles and channels that are no whole vectors.
  @Test(arguments: Kernels.available)
  func winogradsWeightGradients(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let training = try #require(table.training).pointee
    var generator = SeededGenerator(seed: 37)
    for (height, width, inputs, outputs) in [(4, 4, 16, 16), (7, 9, 5, 18), (8, 8, 33, 3)] {
      let x = randomFloats(height * width * inputs, &generator)
      var dy = randomFloats(height * width * outputs, &generator)
      let tiles = (height + 3) / 4 * ((width + 3) / 4)
      var values = [Float](repeating: 0, count: 36 * tiles * inputs)
      var gradients = [Float](repeating: 0, count: 36 * tiles * outputs)
      x.withUnsafeBufferPointer { x in
        dy.withUnsafeMutableBufferPointer { dy in
          var call = sk_winograd(
            input: x.baseAddress, height: height, width: width, channels: inputs, pad_top: 1, pad_left: 1,
            c: dy.baseAddress, c_stride: outputs, output_height: height, output_width: width,
            columns: outputs, epilogue: sk_epilogue(), tiles: 0)
          table.winograd_input(&call, 0, tiles, &values)
          training.winograd_gradient(&call, 0, tiles, &gradients)
        }
      }
      var products = [Float](repeating: 0, count: 36 * inputs * outputs)
      for position in 0..<36 {
        for tile in 0..<tiles {
          for i in 0..<inputs {
            for o in 0..<outputs {
              products[(position * inputs + i) * outputs + o] +=
                values[(position * tiles + tile) * inputs + i]
                * gradients[(position * tiles + tile) * outputs + o]
            }
          }
        }
      }
      var dw = [Float](repeating: 0, count: 9 * inputs * outputs)
      training.winograd_weight_gradient(products, 1, inputs * outputs, &dw, 0, inputs * outputs)
      let expected = dw.indices.map { index -> Expected in
        let (tap, i, o) = (
          index / (inputs * outputs), index / outputs % inputs, index % outputs
        )
        var sum = 0.0
        for row in 0..<height {
          for column in 0..<width {
            let (y, z) = (row + tap / 3 - 1, column + tap % 3 - 1)
            guard y >= 0, y < height, z >= 0, z < width else { continue }
            sum +=
              Double(x[(y * width + z) * inputs + i]) * Double(dy[(row * width + column) * outputs + o])
          }
        }
        return Expected(value: sum, tolerance: 2e-5 * Double(height * width).squareRoot())
      }
      #expect(disagreement(dw, expected) == nil, "\(height) × \(width), \(inputs) to \(outputs)")
    }
  }
}
