// PixelStride.swift: feature maps whose pixels lie a little apart.
//
// Where a pixel's channels are a multiple of 1 kB, the same channels of neighbouring pixels fall into the same few sets of the
// first-level cache, and the rows under a depthwise kernel push each other out. A gap of one line between pixels spreads them.

import SwiftletGraph

enum PixelStride {
  /// Floats of a line of the cache, and of the multiples that collide.
  private static let line = 16, colliding = 256

  /// Strides of the values that lie apart: all that collide, are read or written by a depthwise convolution, and are only touched by
  /// steps that can stride.
  static func padded(_ steps: [Step], _ graph: Graph, whole: Set<Value>, _ lowering: Lowering) -> [Value: Int]
  {
    var candidates: Set<Value> = []
    var excluded = whole
    for step in steps {
      for value in step.reads + step.outputs where !step.strides(value) {
        excluded.insert(lowering.root(value))
      }
      if case .depthwise = step.kind { candidates.formUnion(step.inputs + step.outputs) }
    }
    // Another shape of the same memory has no pixels.
    for id in graph.types.indices where lowering.root(Value(id: id)) != Value(id: id) {
      excluded.insert(lowering.root(Value(id: id)))
    }
    var strides: [Value: Int] = [:]
    for value in candidates.subtracting(excluded) {
      let shape = graph.type(of: value).shape
      if shape.rank == 4, shape[3] % colliding == 0, shape[3] > 0 { strides[value] = shape[3] + line }
    }
    return strides
  }
}

extension Step {
  /// Whether the step can read or write a value whose pixels lie apart.
  fileprivate func strides(_ value: Value) -> Bool {
    switch kind {
    case .gemm(_, _, _, _, let epilogue), .depthwise(_, _, let epilogue): epilogue.residual != value
    case .globalPool: true
    default: false
    }
  }
}
