// Kernels.swift: the table of kernels of an instruction set, and the kernels' words for ours.

import CKernels
import SwiftletGraph

/// A table of kernels. It is constant data of the program, so it may be shared.
struct Kernels: Sendable {
  nonisolated(unsafe) private let pointer: UnsafePointer<sk_kernels>?

  init(table: UnsafePointer<sk_kernels>?) { pointer = table }

  /// The table.
  var table: sk_kernels { pointer?.pointee ?? sk_kernels() }
}

extension ActivationFunction {
  /// The kernels' word for it.
  var code: sk_activation {
    switch self {
    case .relu: SK_RELU
    case .relu6: SK_RELU6
    case .hardSwish: SK_HARD_SWISH
    case .hardSigmoid: SK_HARD_SIGMOID
    case .sigmoid: SK_SIGMOID
    case .silu: SK_SILU
    case .tanh: SK_TANH
    }
  }
}
