// PixelStride.swift: feature maps whose pixels have a padded stride.
//
// Where a pixel's channels take a multiple of 1 kB, the same channels of neighboring pixels fall into the same few sets of the
// first-level cache, and the rows under a depthwise kernel evict each other. One cache line between pixels spreads them.

import SwiftletGraph

enum PixelStride {
  /// Floats of a cache line, and of the multiples that collide.
  private static let line = 16, colliding = 256

  /// Floats from pixel to pixel of the values that are padded: all that collide, are read or written by a step that gains from
  /// it, and are touched only by steps that allow it.
  ///
  /// - Parameters:
  ///   - pinned: values that callers or other stages read densely.
  ///   - root: the value whose memory a value is.
  static func padded(
    _ steps: [any PlanStep], _ graph: Graph, pinned: Set<Value>, root: (Value) -> Value
  ) -> [Value: Int] {
    var candidates: Set<Value> = []
    var excluded = pinned
    for step in steps {
      for value in step.reads + step.writes where !step.allowsPaddedPixels(of: value) {
        excluded.insert(root(value))
      }
      if step.wantsPaddedPixels { candidates.formUnion(step.reads + step.writes) }
    }
    // Another shape of the same memory has no pixels.
    for id in graph.types.indices where root(Value(id: id)) != Value(id: id) {
      excluded.insert(root(Value(id: id)))
    }
    var strides: [Value: Int] = [:]
    for value in candidates.subtracting(excluded) {
      let shape = graph.type(of: value).shape
      if shape.rank == 4, shape[3] % colliding == 0, shape[3] > 0 { strides[value] = shape[3] + line }
    }
    return strides
  }
}
