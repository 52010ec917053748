// MatrixTests.swift: packed matrix products against sums in Double.

import CKernels
import SwiftletCore
import Testing

/// One product's operands.
struct MatrixCase {
  let rows: Int, depth: Int, columns: Int
  let aStride: Int, cStride: Int
  let a: GuardedFloats, b: GuardedFloats, c: GuardedFloats
  let epilogue: EpilogueOperands
  let weights: [Float]
  /// The packed weights in half precision, where they are to be used.
  let halves: GuardedFloats?
  let table: sk_kernels

  init(
    _ table: sk_kernels, rows: Int, depth: Int, columns: Int, _ parts: EpilogueCase, _ placement: Placement,
    gap: Int = 5, seed: UInt64 = 1, inHalf: Bool = false
  ) throws {
    var generator = SeededGenerator(seed: seed, stream: "\(rows) \(depth) \(columns)")
    self.table = table
    (self.rows, self.depth, self.columns) = (rows, depth, columns)
    aStride = depth + gap
    cStride = columns + gap
    a = try GuardedFloats(
      spread(randomFloats(rows * depth, &generator), width: depth, stride: aStride), placement)
    let exact = randomFloats(depth * columns, &generator)
    weights = inHalf ? exact.map(roundedToHalf) : exact
    let wStride = columns + 2
    let w = try GuardedFloats(spread(exact, width: columns, stride: wStride), placement)
    let poison = [Float](
      repeating: GuardedFloats.poison, count: table.gemm_packed_count(depth, columns))
    b = try GuardedFloats(poison, placement)
    table.gemm_pack(w.pointer, wStride, depth, columns, b.pointer)
    let count = table.gemm_packed_count(depth, columns)
    // An even number of them, so that the last ends where the guard begins.
    halves =
      inHalf && count % 2 == 0 ? try GuardedFloats([Float](repeating: 0, count: count / 2), placement) : nil
    if let halves {
      let memory = UnsafeMutableRawPointer(halves.pointer).assumingMemoryBound(to: UInt16.self)
      table.f16_pack(b.pointer, count, memory)
      for index in 0..<count { b.pointer[index] = .nan }
    }
    c = try GuardedFloats(
      spread([Float](repeating: 0, count: rows * columns), width: columns, stride: cStride), placement)
    epilogue = try EpilogueOperands(parts, rows: rows, columns: columns, placement, &generator)
  }

  var panels: Int { (columns + table.gemm_panel - 1) / table.gemm_panel }

  /// - Parameter blockBytes: of a block of rows; 0 is the kernel's own.
  func run(rowsAtOnce: Int, panelsAtOnce: Int, blockBytes: Int = 0) {
    var call = sk_gemm()
    call.block_bytes = blockBytes
    (call.a, call.a_stride) = (UnsafePointer(a.pointer), aStride)
    (call.b, call.c, call.c_stride) = (UnsafePointer(b.pointer), c.pointer, cStride)
    (call.rows, call.depth, call.columns) = (rows, depth, columns)
    call.epilogue = epilogue.forKernel
    call.f16_b = halves.map { UnsafeRawPointer($0.pointer).assumingMemoryBound(to: UInt16.self) }
    for (panelBegin, panelEnd) in pieces(panels, of: panelsAtOnce) {
      for (rowBegin, rowEnd) in pieces(rows, of: rowsAtOnce) {
        table.gemm(&call, rowBegin, rowEnd, panelBegin, panelEnd)
      }
    }
  }

  var expected: [Expected] {
    (0..<(rows * columns)).map { index in
      let (row, column) = (index / columns, index % columns)
      var sum = Accumulator()
      for k in 0..<depth {
        sum.add(a.pointer[row * aStride + k], weights[k * columns + column])
      }
      return epilogue.finished(sum, row: row, column: column)
    }
  }

  var hasIntactMargins: Bool {
    [a, b, c].allSatisfy(\.hasIntactMargins) && epilogue.hasIntactMargins
  }

  /// Runs it whole and compares everything that it may have changed.
  func check(blockBytes: Int = 0, _ location: SourceLocation = #_sourceLocation) throws {
    let note: Comment = "\(rows) × \(depth) × \(columns), \(epilogue.parts.testDescription)"
    run(rowsAtOnce: rows, panelsAtOnce: panels, blockBytes: blockBytes)
    let expected = expected
    let results = try #require(
      gathered(c.values, width: columns, stride: cStride), note, sourceLocation: location)
    #expect(disagreement(results, expected) == nil, note, sourceLocation: location)
    #expect(hasIntactMargins, note, sourceLocation: location)
  }
}

/// The nearest number of 11 bits.
func roundedToHalf(_ x: Float) -> Float {
  if x == 0 { return x }
  let unit = Float(sign: .plus, exponent: max(Int(x.exponent), -14) - 10, significand: 1)
  return (x / unit).rounded(.toNearestOrEven) * unit
}

struct MatrixTests {
  @Test(arguments: Kernels.available, Placement.allCases)
  func productsWithWeightsInHalfPrecision(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    for rows in [1, 2, 7, 40, 130] {
      for columns in [8, 24, table.gemm_panel, 4 * table.gemm_panel + 8] {
        for depth in [1, 33, 64] {
          let parts = EpilogueCase(bias: true, residual: true, activation: .relu)
          let example = try MatrixCase(
            table, rows: rows, depth: depth, columns: columns, parts, placement, inHalf: true)
          #expect(example.halves != nil)
          try example.check()
        }
      }
    }
  }

  @Test(arguments: Kernels.available)
  func halvesAreTheNearest(_ kernels: Kernels) throws {
    let table = try kernels.table()
    // Every half, what lies in the middle between it and the next, and a little beside that.
    for bits in UInt16(0)..<0x7bff {
      let (low, high) = (Self.value(bits), Self.value(bits + 1))
      let middle = Float((Double(low) + Double(high)) / 2)
      let numbers = [low, -low, middle, middle.nextDown, middle.nextUp]
      let even = bits % 2 == 0 ? bits : bits + 1
      var results = [UInt16](repeating: 0, count: 5)
      table.f16_pack(numbers, 5, &results)
      #expect(results == [bits, bits | 0x8000, even, bits, bits + 1], "\(bits)")
    }
    var results = [UInt16](repeating: 0, count: 3)
    table.f16_pack([65504, 1e9, -.infinity], 3, &results)
    #expect(results == [0x7bff, 0x7bff, 0xfbff])
  }

  private static func value(_ half: UInt16) -> Float {
    let (exponent, mantissa) = (Int(half >> 10), Float(half & 0x3ff))
    return exponent == 0
      ? mantissa * 0x1p-24 : (1024 + mantissa) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func productsAroundEverySizeOfATile(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    let (tile, panel) = (table.gemm_rows, table.gemm_panel)
    let cases = EpilogueCase.all
    var next = 0
    let someRows = Array(1...(2 * tile + 1)) + [23, 49]
    let someColumns = [1, panel - 1, panel, panel + 1, 2 * panel, 4 * panel + 5, 8, 24, 40, 37]
    for rows in someRows {
      for columns in someColumns {
        for depth in [1, 2, 3, 4, 7, 16, 29] {
          try MatrixCase(
            table, rows: rows, depth: depth, columns: columns, cases[next % cases.count], placement
          ).check()
          next += 37
        }
      }
    }
  }

  @Test(arguments: Kernels.available, EpilogueCase.all)
  func everyEpilogue(_ kernels: Kernels, _ parts: EpilogueCase) throws {
    let table = try kernels.table()
    for placement in Placement.allCases {
      for (rows, columns) in [(1, 5 * table.gemm_panel), (2 * table.gemm_rows + 1, table.gemm_panel + 3)] {
        try MatrixCase(table, rows: rows, depth: 13, columns: columns, parts, placement).check()
      }
    }
  }

  /// Deep products and several blocks of rows.
  @Test(arguments: Kernels.available)
  func largeProducts(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let summed = EpilogueCase(bias: true, residual: true)
    let biased = EpilogueCase(bias: true, activation: .relu6)
    for (rows, depth, columns) in [
      (49, 960, 24), (200, 211, 40), (31, 1300, 16), (1, 1280, 250), (5000, 8, 9),
    ] {
      try MatrixCase(table, rows: rows, depth: depth, columns: columns, summed, .beforeGuard, gap: 0).check()
      for blockBytes in [0, 1, 5000, 1 << 20] {
        try MatrixCase(table, rows: rows, depth: depth, columns: columns, biased, .beforeGuard)
          .check(blockBytes: blockBytes)
      }
    }
  }

  @Test(arguments: Kernels.available)
  func theResultDoesNotDependOnHowWorkWasSplit(_ kernels: Kernels) throws {
    let table = try kernels.table()
    for (rows, depth, columns) in [(61, 40, 5 * table.gemm_panel + 3), (300, 130, 40)] {
      for activation in [Activation.hardSwish, .silu] {
        let parts = EpilogueCase(bias: true, residual: true, activation: activation)
        let whole = try MatrixCase(
          table, rows: rows, depth: depth, columns: columns, parts, .beforeGuard)
        whole.run(rowsAtOnce: rows, panelsAtOnce: whole.panels)
        for (rowsAtOnce, panelsAtOnce) in [(1, 9), (1, 1), (5, 2), (table.gemm_rows, 3), (17, 1)] {
          let split = try MatrixCase(
            table, rows: rows, depth: depth, columns: columns, parts, .beforeGuard)
          split.run(rowsAtOnce: rowsAtOnce, panelsAtOnce: panelsAtOnce)
          #expect(split.c.values.map(\.bitPattern) == whole.c.values.map(\.bitPattern))
        }
      }
    }
  }

  @Test(arguments: Kernels.available)
  func emptyRangesDoNothing(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let product = try MatrixCase(
      table, rows: 3, depth: 4, columns: 5, EpilogueCase(bias: true), .beforeGuard)
    var call = sk_gemm()
    (call.a, call.a_stride) = (UnsafePointer(product.a.pointer), product.aStride)
    (call.b, call.c, call.c_stride) = (UnsafePointer(product.b.pointer), product.c.pointer, product.cStride)
    (call.rows, call.depth, call.columns) = (3, 4, 5)
    call.epilogue = product.epilogue.forKernel
    table.gemm(&call, 1, 1, 0, 1)
    table.gemm(&call, 0, 3, 1, 1)
    let results = try #require(gathered(product.c.values, width: 5, stride: product.cStride))
    #expect(results == [Float](repeating: 0, count: 15))
  }
}
