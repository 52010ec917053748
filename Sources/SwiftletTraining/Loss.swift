// Loss.swift: the losses of tasks whose outputs are logits.

import SwiftletArchitectures

/// A loss: emits a scalar from the logits. One of your own is one struct that conforms.
///
/// Its name and its constants, which are its encoded members, are a part of a run's identity: a run is resumed only with
/// the same loss.
public protocol Loss: Sendable, Encodable {
  /// The name in checkpoints; the type's own if it is not given.
  static var name: String { get }
  /// Whether the step has an input `teacher` `[N, C]`: another network's logits for the same images.
  var needsTeacher: Bool { get }
  /// Emits the loss.
  ///
  /// - Parameters:
  ///   - logits: `[N, C]`.
  ///   - targets: `[N, C]`, rows that sum to 1.
  ///   - teacher: `[N, C]`, where ``needsTeacher``.
  /// - Returns: a scalar: the mean over the batch.
  func emit(logits: Value, targets: Value, teacher: Value?, in graph: inout GraphBuilder) throws -> Value
}

extension Loss {
  public static var name: String { "\(Self.self)" }
  public var needsTeacher: Bool { false }
}

/// Cross-entropy with label smoothing; targets may be soft.
public struct CrossEntropyLoss: Loss {
  /// ε of label smoothing.
  public var smoothing: Double

  /// Creates a loss.
  public init(smoothing: Double = 0) { self.smoothing = smoothing }

  public func emit(
    logits: Value, targets: Value, teacher: Value?, in graph: inout GraphBuilder
  ) throws -> Value {
    try graph.apply(SoftmaxCrossEntropy(smoothing: smoothing), logits, targets, label: PortName.loss)
  }
}

/// (1 − weight) · cross-entropy + weight · distillation from a teacher (Hinton et al. 2015, arXiv 1503.02531).
public struct DistillationLoss: Loss {
  /// T of both softmaxes.
  public var temperature: Double
  /// The teacher's share.
  public var weight: Double
  /// ε of label smoothing of the targets' share.
  public var smoothing: Double

  /// Creates a loss.
  public init(temperature: Double = 4, weight: Double = 0.5, smoothing: Double = 0) {
    self.temperature = temperature
    self.weight = weight
    self.smoothing = smoothing
  }

  public var needsTeacher: Bool { true }

  public func emit(
    logits: Value, targets: Value, teacher: Value?, in graph: inout GraphBuilder
  ) throws -> Value {
    let hard = try graph.apply(
      SoftmaxCrossEntropy(smoothing: smoothing, weight: 1 - weight), logits, targets, label: "loss.targets")
    guard let teacher else { return hard }
    let soft = try graph.apply(
      Distillation(temperature: temperature, weight: weight), logits, teacher, label: "loss.teacher")
    return try graph.apply(Add(), hard, soft, label: PortName.loss)
  }
}
