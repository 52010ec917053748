// StepMemory.swift: the memory of a step's values, weights and scratch in one session.

import CKernels
import SwiftletCore
import SwiftletGraph

/// One stage's arena and the plan's weights, as a step sees them while it is bound.
struct StepMemory {
  let stage: Stage
  let plan: CPUPlan
  /// The start of the arena.
  let base: UnsafeMutableRawPointer
  /// The step's number in its stage.
  let index: Int

  /// The first byte of a value.
  func bytes(_ value: Value) -> UnsafeMutableRawPointer { base + stage.offset(of: value) }

  /// The first float of a value.
  func floats(_ value: Value) -> UnsafeMutablePointer<Float> {
    bytes(value).assumingMemoryBound(to: Float.self)
  }

  /// A value's shape as the stage sees it: of one image, where images are taken one at a time.
  func shape(_ value: Value) -> Shape { stage.shape(value, plan.graph) }

  /// Floats from pixel to pixel of a feature map, or from row to row.
  func pixelStride(_ value: Value) -> Int {
    stage.pixelStrides[value] ?? plan.graph.type(of: value).shape[-1]
  }

  /// The step's scratch: that of the first worker; those of the others follow.
  var scratch: UnsafeMutableRawPointer { base + (stage.scratchOffsets[index] ?? 0) }

  /// A parameter's tensor, for steps that read one as it is.
  func parameter(_ value: Value) -> Tensor? { plan.parameters[value] }

  /// The packed data at an offset of the weight blob.
  func weights<Element>(_ offset: BlobOffset, as type: Element.Type = Float.self) -> UnsafePointer<Element>? {
    plan.blob.withUnsafeBytes { $0.baseAddress }.map { ($0 + offset).assumingMemoryBound(to: type) }
  }

  /// A matrix in single precision, or `nil` where it has another format.
  func singles(_ matrix: PackedMatrix) -> UnsafePointer<Float>? {
    matrix.format == .float32 ? weights(matrix.offset) : nil
  }

  /// A matrix in half precision, or `nil` where it has another format.
  func halves(_ matrix: PackedMatrix) -> UnsafePointer<UInt16>? {
    matrix.format == .float16 ? weights(matrix.offset, as: UInt16.self) : nil
  }

  /// The kernels' form of an epilogue; `channels` floats are from pixel to pixel of a residual.
  func epilogue(_ epilogue: Epilogue, channels: Int) -> sk_epilogue {
    var result = sk_epilogue()
    result.bias = epilogue.bias.flatMap { weights($0) }
    result.residual = epilogue.residual.map { UnsafePointer(floats($0)) }
    result.residual_stride = channels
    result.activation = epilogue.activation?.code ?? SK_NONE
    return result
  }
}
