// Kernels.swift: the instruction sets that the tests run over, random operands, the epilogue as a formula.

import CKernels
import SwiftletCore
import Testing

/// One instruction set's table.
struct Kernels: Sendable, CustomTestStringConvertible {
  let instructionSet: UInt32

  static let all = [SK_ISA_PORTABLE, SK_ISA_AVX2, SK_ISA_AVX512, SK_ISA_NEON].map {
    Kernels(instructionSet: UInt32($0.rawValue))
  }
  static let available = all.filter(\.isAvailable)

  var isAvailable: Bool { sk_isa_available(sk_isa(rawValue: .init(instructionSet))) != 0 }
  var testDescription: String { ["portable", "avx2", "avx512", "neon"][Int(instructionSet)] }

  func table() throws -> sk_kernels {
    try #require(sk_kernels_for(sk_isa(rawValue: .init(instructionSet)))).pointee
  }
}

/// The activations in the order of the header.
enum Activation: UInt32, CaseIterable, Sendable {
  case none, relu, relu6, hardSwish, hardSigmoid, sigmoid, silu, tanh

  var code: sk_activation { sk_activation(rawValue: .init(rawValue)) }

  func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .none: x
    case .relu: x.isNaN ? x : max(x, 0)
    case .relu6: x.isNaN ? x : min(max(x, 0), 6)
    case .hardSwish: x.isNaN ? x : x * min(max(x + 3, 0), 6) / 6
    case .hardSigmoid: x.isNaN ? x : min(max(x + 3, 0), 6) / 6
    case .sigmoid: 1 / (1 + exponential(-x))
    case .silu: x / (1 + exponential(-x))
    case .tanh: hyperbolicTangent(x)
    }
  }
}

/// A result as it should be, and how far it may be from that.
struct Expected {
  var value: Double
  var tolerance: Double
}

/// One unit in the last place of 1.
let unit = 0x1p-23

/// A sum of products in Double, with the sum of their magnitudes, from which the tolerance follows.
struct Accumulator {
  private var value = 0.0, magnitude = 0.0, terms = 0.0

  mutating func add(_ a: Float, _ b: Float) {
    let product = Double(a) * Double(b)
    value += product
    magnitude += abs(product)
    terms += 1
  }

  /// After the epilogue. No activation is steeper than 1.5.
  func finished(_ activation: Activation = .none) -> Expected {
    let result = activation(value)
    let tolerance = 2 * unit * (4 + terms.squareRoot()) * (magnitude + abs(result)) + 0x1p-140
    return Expected(value: result, tolerance: tolerance)
  }
}

/// Says where `actual` is worst, if it is anywhere farther from `expected` than it may be.
func disagreement(_ actual: [Float], _ expected: [Expected]) -> String? {
  guard actual.count == expected.count else { return "\(actual.count) values, not \(expected.count)" }
  var worst: (index: Int, excess: Double)?
  for (index, (a, e)) in zip(actual, expected).enumerated() {
    if a.isNaN && e.value.isNaN || Double(a) == e.value { continue }
    let excess = abs(Double(a) - e.value) / e.tolerance
    let comparable = excess.isNaN ? Double.infinity : excess
    if comparable > 1, comparable > (worst?.excess ?? 0) { worst = (index, comparable) }
  }
  return worst.map {
    "[\($0.index)] is \(actual[$0.index]), not \(expected[$0.index].value): \($0.excess) of the tolerance"
  }
}

func randomFloats(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
  (0..<count).map { _ in Float(generator.uniform(-1, 1)) }
}

/// Which parts of the epilogue a case uses.
struct EpilogueCase: Sendable, CustomTestStringConvertible {
  var bias = false, residual = false
  var activation = Activation.none

  static let all: [EpilogueCase] = Activation.allCases.flatMap { activation in
    (0..<4).map { bits in
      EpilogueCase(bias: bits & 1 != 0, residual: bits & 2 != 0, activation: activation)
    }
  }

  var testDescription: String {
    let parts = [(bias, "bias"), (residual, "residual")]
    return ([String(describing: activation)] + parts.filter(\.0).map(\.1)).joined(separator: "+")
  }
}

/// The epilogue's operands for `rows` × `columns` results.
struct EpilogueOperands {
  let parts: EpilogueCase
  let columns: Int
  let residualStride: Int
  let bias: GuardedFloats, residual: GuardedFloats

  init(
    _ parts: EpilogueCase, rows: Int, columns: Int, _ placement: Placement,
    _ generator: inout SeededGenerator
  ) throws {
    self.parts = parts
    self.columns = columns
    residualStride = columns + 3
    bias = try GuardedFloats(randomFloats(columns, &generator), placement)
    residual = try GuardedFloats(
      spread(randomFloats(rows * columns, &generator), width: columns, stride: residualStride), placement)
  }

  var forKernel: sk_epilogue {
    sk_epilogue(
      bias: parts.bias ? UnsafePointer(bias.pointer) : nil,
      residual: parts.residual ? UnsafePointer(residual.pointer) : nil,
      residual_stride: residualStride, activation: parts.activation.code)
  }

  func finished(_ sum: Accumulator, row: Int, column: Int) -> Expected {
    var sum = sum
    if parts.bias { sum.add(bias.pointer[column], 1) }
    if parts.residual { sum.add(residual.pointer[row * residualStride + column], 1) }
    return sum.finished(parts.activation)
  }

  var hasIntactMargins: Bool { bias.hasIntactMargins && residual.hasIntactMargins }
}

/// Ranges that cover 0..<count in pieces of `step`.
func pieces(_ count: Int, of step: Int) -> [(Int, Int)] {
  stride(from: 0, to: count, by: max(step, 1)).map { ($0, min($0 + max(step, 1), count)) }
}
