// WinogradTests.swift: convolutions by minimal filtering against the definition in Double.

import CKernels
import SwiftletCore
import Testing

extension ConvolutionCase {
  /// Computes it in portions of so many tiles; says whether the scratch's margins are intact.
  func runByWinograd(tilesAtOnce: Int, _ placement: Placement) throws -> Bool {
    let stride = table.gemm_packed_count(depth, columns) + 3
    let packed = try GuardedFloats([Float](repeating: 0, count: 35 * stride + stride - 3), placement)
    let w = try GuardedFloats(weights, placement)
    table.winograd_pack(w.pointer, depth, columns, packed.pointer, stride)
    var call = sk_winograd(
      input: input.pointer, height: height, width: width, channels: depth, pad_top: pad, pad_left: pad,
      c: c.pointer, c_stride: columns, output_height: outputHeight, output_width: outputWidth,
      columns: columns, epilogue: epilogue.forKernel, tiles: 0)
    let tiles = (outputHeight + 3) / 4 * ((outputWidth + 3) / 4)
    var intact = true
    for (begin, end) in pieces(tiles, of: tilesAtOnce) {
      let count = end - begin
      let transformed = try GuardedFloats([Float](repeating: 0, count: 36 * count * depth), placement)
      let products = try GuardedFloats([Float](repeating: 0, count: 36 * count * columns), placement)
      table.winograd_input(&call, begin, end, transformed.pointer)
      for position in 0..<36 {
        var product = sk_gemm()
        product.a = UnsafePointer(transformed.pointer + position * count * depth)
        product.b = UnsafePointer(packed.pointer + position * stride)
        product.c = products.pointer + position * count * columns
        (product.a_stride, product.c_stride) = (depth, columns)
        (product.rows, product.depth, product.columns) = (count, depth, columns)
        table.gemm(&product, 0, count, 0, panels)
      }
      table.winograd_output(&call, begin, end, products.pointer)
      intact = intact && transformed.hasIntactMargins && products.hasIntactMargins
    }
    return intact && [packed, w, input, c].allSatisfy(\.hasIntactMargins)
  }
}

struct WinogradTests {
  /// Intermediate sums are larger than the results: the errors are this many times those of sums in order.
  private static let amplification = 8.0

  @Test(arguments: Kernels.available, Placement.allCases)
  func convolutionsOfManyShapes(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    var next = 0
    for (size, pad) in [((4, 4), 1), ((5, 7), 1), ((13, 9), 1), ((8, 12), 0), ((3, 3), 1), ((11, 17), 2)] {
      for (depth, columns) in [
        (1, 5), (16, 16), (7, 24), (33, table.gemm_panel + 1), (table.gemm_panel + 8, 40),
      ] {
        let parts = EpilogueCase.all[next % EpilogueCase.all.count]
        next += 53
        let example = try ConvolutionCase(
          table, size: size, depth: depth, columns: columns, kernel: 3, stride: 1, pad: pad, gap: 0,
          EpilogueCase(bias: parts.bias, residual: parts.residual, activation: parts.activation), placement)
        let note: Comment = "\(size) padding \(pad) \(depth) → \(columns)"
        #expect(try example.runByWinograd(tilesAtOnce: 3, placement), note)
        let largest = example.expected.map(\.tolerance).max() ?? 0
        let expected = example.expected.map {
          Expected(value: $0.value, tolerance: Self.amplification * largest)
        }
        #expect(disagreement(example.c.values, expected) == nil, note)
      }
    }
  }

  @Test(arguments: Kernels.available)
  func theResultDoesNotDependOnHowTilesWereSplit(_ kernels: Kernels) throws {
    let table = try kernels.table()
    func bits(_ tilesAtOnce: Int) throws -> [UInt32] {
      let example = try ConvolutionCase(
        table, size: (15, 14), depth: 19, columns: 40, kernel: 3, stride: 1, pad: 1, gap: 0,
        EpilogueCase(bias: true, activation: .relu), .beforeGuard)
      #expect(try example.runByWinograd(tilesAtOnce: tilesAtOnce, .beforeGuard))
      return example.c.values.map(\.bitPattern)
    }
    let whole = try bits(.max)
    for tilesAtOnce in [1, 2, 5, 9] {
      let split = try bits(tilesAtOnce)
      #expect(split == whole)
    }
  }
}
