// Shortcut.swift: the parts that the two residual blocks share: the shortcut, the sum, and the place of the gate.

/// The change of shape in a residual block's shortcut (He et al. 2015, arXiv 1512.03385, section 3.3).
public enum Shortcut: Sendable, Hashable, Codable {
  /// A convolution with norm of that kernel size, where the shapes differ (option B; SENet-154 uses 3×3).
  case projection(kernel: Int)
  /// Subsampling and zero channels, without parameters (option A: the CIFAR networks).
  case padded

  /// Throws where the kernel makes no sense.
  func check() throws {
    if case .projection(let kernel) = self {
      try BlockLimits.check("shortcut kernel", kernel, BlockLimits.window)
    }
  }
}

extension NetworkBuilder {
  /// relu(branch(x) + shortcut(x)), with a squeeze-and-excite where `placement` puts it.
  ///
  /// - Parameter branch: the residual branch, up to and with its last norm; `gate` is to be called right after
  ///   its 3×3 convolution (it does nothing unless the placement is `spatial`).
  mutating func residual(
    _ x: Value, outputs: Int, stride: Int, shortcut: Shortcut, squeeze: SqueezeExcite?,
    placement: SqueezePlacement,
    branch: (Value, inout NetworkBuilder, _ gate: (Value, inout NetworkBuilder) throws -> Value) throws ->
      Value
  ) throws -> Value {
    func gated(_ value: Value, at place: SqueezePlacement, _ network: inout NetworkBuilder) throws -> Value {
      place == placement ? try network.squeezeExcite(value, squeeze) : value
    }
    let input = try gated(x, at: .pre, &self)
    var y = try branch(input, &self) { try gated($0, at: .spatial, &$1) }
    y = try gated(y, at: .standard, &self)
    var identity = x
    if channels(x) != outputs || stride != 1 {
      switch shortcut {
      case .projection(let kernel):
        // Where a stage keeps its resolution (the first one), the projection is 1×1 in every network.
        identity = try convolution(
          x, "shortcut", channels: outputs, kernel: stride == 1 ? 1 : kernel, stride: stride, activation: nil)
      case .padded: identity = try paddedShortcut(x, channels: outputs, stride: stride)
      }
    }
    identity = try gated(identity, at: .identity, &self)
    let sum = try activate(try residualSum(identity, branch: y), .relu)
    return try gated(sum, at: .post, &self)
  }
}
