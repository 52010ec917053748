// CPUBackend.swift: compiles graphs to plans of kernel calls.

import SwiftletCore
import SwiftletGraph

/// The fast backend: packs weights, fuses bias, activation and sum into the kernels' stores, plans memory once.
///
/// Operations without a fast path run by their own definition, on one thread. All settings are its properties; neither the
/// environment nor any file changes them.
public struct CPUBackend: Backend {
  /// Threads of a run, the caller's included.
  public var threads: Int
  /// Whether those threads are shared with all other engines that share theirs; a run that finds them busy uses its caller's thread
  /// alone, and gives the same bits.
  public var sharesThreads = false
  /// The instruction set of the kernels.
  public var instructionSet: InstructionSet

  /// The use of fused blocks, which run as one step in row strips that stay in the cache; the results are the same to the bit.
  public var fusion = Use.whereItPays
  /// The use of Winograd's F(4 × 4, 3 × 3) for dense 3 × 3 convolutions with stride 1: 36 products for 144, and rounding errors of
  /// about 1e-5 of the largest result instead of 1e-6.
  public var winograd = Use.whereItPays

  /// Measured choices for `Use.whereItPays`; rules decide for other shapes.
  public var selection = Selection.shipped()

  /// The most bytes that a session's activations may take: a file could need any amount.
  public var mostActivationBytes = 2 << 30

  /// The cache sizes that the rules use.
  public var caches = CacheSizes.current

  /// The precision of the weights of pointwise convolutions and linear layers.
  public var weightPrecision = WeightPrecision.single

  /// The precision in which packed weights are kept; sums are always in single precision.
  public enum WeightPrecision: String, Sendable, CaseIterable {
    /// As they are.
    case single
    /// Rounded to IEEE half precision (11 bits): half the memory, and faster where a layer waits for its weights. The logits of
    /// MobileNetV2 move by up to 3e-3 of the largest (100 images).
    case half
  }

  /// The use of an alternative way to compute something.
  public enum Use: String, Sendable, CaseIterable {
    /// Nowhere.
    case never
    /// Where it is faster by measurements or rules.
    case whereItPays
    /// Wherever it is possible.
    case always
  }

  /// Creates a backend.
  ///
  /// - Parameters:
  ///   - threads: of a run; 1 by default.
  ///   - instructionSet: the fastest available if `nil`.
  public init(threads: Int = 1, instructionSet: InstructionSet? = nil) {
    self.threads = max(1, threads)
    self.instructionSet = instructionSet ?? .best
  }

  /// Compiles a graph as it is; ``inferencePlan(_:parameters:)`` folds its norms first.
  ///
  /// - Throws: ``GraphError`` where the graph is unsound, ``ParametersError`` where the weights are not its, ``PlanError`` where a step
  ///   needs too much memory.
  package func plan(_ graph: Graph, parameters: Parameters) throws -> CPUPlan {
    try graph.verify()
    try parameters.check(against: graph)
    return try CPUPlan(graph, parameters, self)
  }
}
