// ElementwiseTests.swift: activations over the whole range of Float, sums and gates.

import CKernels
import SwiftletCore
import Testing

struct ElementwiseTests {
  /// Every sign and exponent with some fractions, values near the bends, and what is not an ordinary number.
  static let wholeRange: [Float] = {
    var values: [Float] = [
      0, -0.0, 3, -3, 6, 0.55, 0.5499999, -0.55, 88.7, -88.7, 103.9, -103.9, 104.1, -104.1,
    ]
    for bits in stride(from: UInt32(0), through: 0x7F7F_FFFF, by: 0x0003_FFF1) {
      let value = Float(bitPattern: bits)
      values += [value, -value]
    }
    for step in -12000...12000 { values.append(Float(step) * 0.00937) }
    return values
  }()

  @Test(arguments: Kernels.available, Activation.allCases)
  func activationsOverTheWholeRange(_ kernels: Kernels, _ activation: Activation) throws {
    let table = try kernels.table()
    let x = try GuardedFloats(Self.wholeRange, .beforeGuard)
    let y = try GuardedFloats([Float](repeating: 0, count: x.count), .beforeGuard)
    table.activate(x.pointer, y.pointer, x.count, activation.code)
    let expected = Self.wholeRange.map { value in
      let result = activation(Double(value))
      // A product of two rounded numbers, and for the hard ones a sum before it that rounds near its zero.
      let bend = [.hardSwish, .hardSigmoid].contains(activation) ? unit * max(abs(Double(value)), 1) : 0
      // Far down silu multiplies a denormal gate, which has few digits.
      let denormal = activation == .silu ? min(abs(Double(value)), 110) * 0x1p-149 : 0
      return Expected(value: result, tolerance: 2.5 * unit * abs(result) + bend + denormal + 0x1p-148)
    }
    let exact: [Activation] = [.none, .relu, .relu6]
    if exact.contains(activation) {
      #expect(y.values.map(Double.init) == expected.map(\.value))
    } else {
      #expect(disagreement(y.values, expected) == nil)
    }
    #expect(x.hasIntactMargins && y.hasIntactMargins)
  }

  @Test(arguments: Kernels.available, Activation.allCases)
  func whatIsNotANumberStaysSo(_ kernels: Kernels, _ activation: Activation) throws {
    let table = try kernels.table()
    for count in [1, 5, 16, 35] {
      for nan in [Float.nan, -Float.nan] {
        let x = [Float](repeating: nan, count: count)
        var y = [Float](repeating: 0, count: count)
        table.activate(x, &y, count, activation.code)
        #expect(y.filter(\.isNaN).count == count)
      }
    }
  }

  @Test(arguments: Kernels.available)
  func infinitiesSaturate(_ kernels: Kernels) throws {
    let table = try kernels.table()
    let limits: [(Activation, Float, Float)] = [
      (.relu, 0, .infinity), (.relu6, 0, 6), (.hardSigmoid, 0, 1), (.sigmoid, 0, 1), (.tanh, -1, 1),
    ]
    for (activation, below, above) in limits {
      var y: [Float] = [0, 0]
      table.activate([-Float.infinity, .infinity], &y, 2, activation.code)
      #expect(y == [below, above], "\(activation)")
    }
    for activation in [Activation.hardSwish, .silu] {
      var y: [Float] = [0]
      table.activate([Float.infinity], &y, 1, activation.code)
      #expect(y == [.infinity], "\(activation)")
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func activationsAndSumsOfEveryLength(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    var generator = SeededGenerator(seed: 6)
    for count in Array(0...35) + [127, 1000] {
      for activation in Activation.allCases {
        let a = randomFloats(count, &generator).map { $0 * 8 }
        let b = randomFloats(count, &generator)
        let x = try GuardedFloats(a, placement)
        let other = try GuardedFloats(b, placement)
        table.activate(x.pointer, x.pointer, count, activation.code)
        let activated = a.map { value in
          var sum = Accumulator()
          sum.add(value, 1)
          return sum.finished(activation)
        }
        #expect(disagreement(x.values, activated) == nil, "\(activation) of \(count)")
        let y = try GuardedFloats(a, placement)
        table.add(y.pointer, other.pointer, y.pointer, count, activation.code)
        let added = zip(a, b).map { first, second in
          var sum = Accumulator()
          sum.add(first, 1)
          sum.add(second, 1)
          return sum.finished(activation)
        }
        #expect(disagreement(y.values, added) == nil, "\(activation) of a sum of \(count)")
        #expect(x.hasIntactMargins && y.hasIntactMargins && other.hasIntactMargins)
      }
    }
  }

  @Test(arguments: Kernels.available, Placement.allCases)
  func gatesScaleChannels(_ kernels: Kernels, _ placement: Placement) throws {
    let table = try kernels.table()
    var generator = SeededGenerator(seed: 7)
    for channels in [1, 3, 8, 17, 40] {
      for pixels in [0, 1, 6] {
        let dense = randomFloats(pixels * channels, &generator)
        let x = try GuardedFloats(dense, placement)
        let gate = try GuardedFloats(randomFloats(channels, &generator), placement)
        let y = try GuardedFloats([Float](repeating: 0, count: dense.count), placement)
        table.channel_scale(x.pointer, gate.pointer, y.pointer, pixels, channels)
        #expect(y.values == dense.indices.map { dense[$0] * gate.pointer[$0 % channels] })
        table.channel_scale(x.pointer, gate.pointer, x.pointer, pixels, channels)
        #expect(x.values == y.values)
        #expect(x.hasIntactMargins && y.hasIntactMargins && gate.hasIntactMargins)
      }
    }
  }
}
