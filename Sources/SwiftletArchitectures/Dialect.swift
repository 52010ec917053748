// Dialect.swift: legitimate differences between the published sources of a network.

@_exported import SwiftletGraph

/// A source of weights, and the conventions that it follows.
public enum Dialect: String, Sendable, Hashable, Codable, CaseIterable {
  /// The paper, and its authors' own release where the paper is silent.
  case paper
  /// PyTorch's torchvision.
  case torchvision
  /// PyTorch Image Models.
  case timm
  /// TensorFlow's slim and Keras.
  case tensorflow
  /// timm's `legacy_*` ports of the SENet authors' Caffe networks.
  case legacy
}

/// The padding of a convolution of stride s.
public enum PaddingRule: String, Sendable, Hashable, Codable {
  /// ⌊k/2⌋ on every side: PyTorch.
  case symmetric
  /// Just enough for ⌈size/s⌉ outputs, the odd pixel at the bottom and right: TensorFlow's "SAME".
  case same
  /// None, but a last window that hangs over the bottom and right edge still counts: Caffe's pools.
  case ceiling

  /// The padding for an image of `height` × `width`.
  func padding(kernel: Int, stride: Int, height: Int, width: Int) -> Padding {
    func total(_ size: Int, outputs: Int) -> Int { max((outputs - 1) * stride + kernel - size, 0) }
    switch self {
    case .symmetric: return Padding(kernel / 2)
    case .same:
      let rows = total(height, outputs: (height + stride - 1) / stride)
      let columns = total(width, outputs: (width + stride - 1) / stride)
      return Padding(
        top: rows / 2, left: columns / 2, bottom: rows - rows / 2, right: columns - columns / 2)
    case .ceiling:
      func hang(_ size: Int) -> Int {
        total(size, outputs: (max(size - kernel, 0) + stride - 1) / stride + 1)
      }
      return Padding(top: 0, left: 0, bottom: hang(height), right: hang(width))
    }
  }
}

/// The rule by which a number of channels follows the width multiplier α.
public enum WidthRule: String, Sendable, Hashable, Codable {
  /// max(⌊c·α⌋, 8): MobileNetV1 as released by all sources.
  case truncated
  /// The nearest multiple of 8, but never more than 10 % less: MobileNetV2 and later (`make_divisible`).
  case divisibleByEight

  /// `channels` · `width`, rounded.
  public func apply(_ channels: Double) -> Int {
    switch self {
    case .truncated: max(Int(channels), 8)
    case .divisibleByEight: roundedToEight(channels)
    }
  }
}

/// The nearest multiple of 8, at least 8, and the next one up where that would lose more than a tenth.
///
/// (TensorFlow slim's `make_divisible`, which all MobileNetV2 and V3 sources share.)
package func roundedToEight(_ value: Double) -> Int {
  let rounded = max(8, Int(value + 4) / 8 * 8)
  return Double(rounded) < 0.9 * value ? rounded + 8 : rounded
}

/// Whether a width that ends or begins a network follows α.
public enum Scaling: String, Sendable, Hashable, Codable {
  /// Always.
  case always
  /// For α > 1 only.
  case upOnly
  /// For α ≥ 0.75 only (timm's stems).
  case unlessNarrow
  /// Never.
  case never

  /// The multiplier to use in place of `width`.
  func multiplier(_ width: Double) -> Double {
    switch self {
    case .always: width
    case .upOnly: max(width, 1)
    case .unlessNarrow: width < 0.75 ? 1 : width
    case .never: 1
    }
  }
}

/// The rule by which the width of an expansion that the table gives in absolute numbers follows α (MobileNetV3).
public enum ExpandRule: String, Sendable, Hashable, Codable {
  /// round8(rounded scaled input · expanded / input): TensorFlow, Keras, timm.
  case ratioOfInput
  /// round8(expanded · α): torchvision.
  case scaledTable
}

/// Everything that sources disagree on, as data that an ``Architecture`` carries.
public struct Conventions: Sendable, Hashable, Codable {
  /// Padding of convolutions.
  public var padding: PaddingRule
  /// Padding of pools.
  public var poolPadding: PaddingRule
  /// ε of batch norm.
  public var epsilon: Double
  /// The weight of a new batch in running averages (TensorFlow writes 1 − it).
  public var momentum: Double
  /// Rounding of channels under α.
  public var width: WidthRule = .divisibleByEight
  /// Rounding of expansions under α.
  public var expand: ExpandRule = .ratioOfInput
  /// Whether the stem follows α.
  public var stem: Scaling = .always
  /// Whether the last hidden layer follows α.
  public var head: Scaling = .upOnly
  /// Whether a bottleneck's stride is on its first 1×1 convolution (He et al., Caffe) or on the 3×3 (torchvision).
  public var stridesFirst = false
  /// Whether squeezed widths of residual networks are rounded to 8 (timm).
  public var roundsSqueeze = false
  /// Whether a basic block has a ReLU between its second norm and its squeeze-and-excite (`legacy_seresnet18/34`).
  public var activatesBeforeSqueeze = false
  /// Classes before the first one in this source's outputs: 1 where 0 is "background".
  public var classOffset = 0

  /// The conventions that a source follows for most networks; the zoo adjusts them by family.
  public init(_ dialect: Dialect) {
    padding = dialect == .tensorflow ? .same : .symmetric
    poolPadding = padding
    epsilon = dialect == .tensorflow ? 1e-3 : 1e-5
    momentum = dialect == .tensorflow ? 0.01 : 0.1
    classOffset = dialect == .tensorflow ? 1 : 0
  }

  /// The same for the MobileNets, whose authors released TensorFlow's slim code: `paper` means that code there.
  public init(mobileNet dialect: Dialect) {
    self.init(dialect == .paper || dialect == .legacy ? .tensorflow : dialect)
    if dialect != .tensorflow { classOffset = 0 }
  }
}
