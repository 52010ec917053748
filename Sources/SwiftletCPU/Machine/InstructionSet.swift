// InstructionSet.swift: the kernels of this machine.

import CKernels
@_exported import SwiftletGraph

/// An instruction set that kernels were compiled for.
public enum InstructionSet: String, Sendable, CaseIterable {
  case portable, avx2, avx512, neon

  private var code: sk_isa {
    switch self {
    case .portable: SK_ISA_PORTABLE
    case .avx2: SK_ISA_AVX2
    case .avx512: SK_ISA_AVX512
    case .neon: SK_ISA_NEON
    }
  }

  /// Whether this processor has it and the kernels were compiled for it.
  public var isAvailable: Bool { sk_isa_available(code) != 0 }

  /// The fastest one that is available.
  public static var best: InstructionSet {
    let code = sk_best_isa()
    return allCases.first { $0.code == code } ?? .portable
  }

  /// Multiply-adds per second of one core at most, measured for about 20 ms: an upper bound for every kernel.
  public func peakMultiplyAddsPerSecond() -> Double {
    let table = kernels.table
    let rounds = 20_000
    var least = Double.infinity
    var sink: Float = 0
    let start = ContinuousClock.now
    repeat {
      let begin = ContinuousClock.now
      sink += table.peak(rounds, 0.5, 1)
      least = min(least, (ContinuousClock.now - begin).inSeconds)
    } while ContinuousClock.now - start < .milliseconds(20)
    return sink.isFinite ? Double(rounds * table.peak_multiply_adds) / least : 0
  }

  /// Its kernels; the portable ones where it is not available.
  var kernels: Kernels {
    Kernels(table: sk_kernels_for(code) ?? sk_kernels_for(SK_ISA_PORTABLE))
  }
}
