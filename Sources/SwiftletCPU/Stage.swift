// Stage.swift: steps that share an arena, and where in it their values are.
//
// A batch is computed in two stages. In the first, every member of the pool takes images one at a time through all steps up to
// the last feature map: what one step wrote is still in the cache when the next reads it, members never wait for
// each other, and memory does not grow with the batch. The second does what is left (linear layers, whose weights are large) for
// all images at once. Without a batch there is one stage.

import SwiftletGraph

/// Consecutive steps of a plan with the layout of their arena.
struct Stage: Sendable {
  let steps: [Step]
  /// Whether every member of the pool has an arena of its own and takes images one at a time.
  let isApart: Bool
  /// Where each value is; parameters have no place.
  let places: [Value: Place]
  /// Floats from pixel to pixel of values whose pixels lie apart; see ``PixelStride``.
  let strides: [Value: Int]
  /// Where the scratch of steps is, by their index.
  let scratchPlaces: [Int: Place]
  /// Floats of an arena.
  let arenaCount: Int

  /// Lays out an arena.
  ///
  /// - Parameters:
  ///   - steps: in their order.
  ///   - apart: whether images are taken one at a time.
  ///   - entering: values that are written before the first step.
  ///   - leaving: values that are read after the last one.
  ///   - scratchParts: members that need scratch of their own in this arena.
  init(
    _ steps: [Step], _ graph: Graph, _ lowering: Lowering, apart: Bool, entering: [Value], leaving: [Value],
    scratchParts: Int
  ) {
    self.steps = steps
    isApart = apart
    let strides = PixelStride.padded(
      steps, graph, whole: Set((entering + leaving).map(lowering.root)), lowering)
    self.strides = strides
    var planner = MemoryPlanner()
    var buffers: [Value: Int] = [:]
    func buffer(_ value: Value, at step: Int) {
      let root = lowering.root(value)
      guard buffers[root] == nil else { return }
      let shape = graph.type(of: root).shape
      let count = strides[root].map { shape.count / shape[3] * $0 } ?? shape.count
      buffers[root] = planner.reserve(apart ? count / lowering.images : count, at: step)
    }
    let parameters = Set(graph.parameters.map(\.value))
    for value in entering { buffer(value, at: -1) }
    for (index, step) in steps.enumerated() {
      for value in step.outputs { buffer(value, at: index) }
      for value in step.reads + step.outputs where !parameters.contains(value) {
        if let id = buffers[lowering.root(value)] { planner.extend(id, to: index) }
      }
    }
    for value in leaving {
      if let id = buffers[lowering.root(value)] { planner.extend(id, to: steps.count) }
    }
    // Scratch lives through its own step only.
    var scratch: [Int: Int] = [:]
    for (index, step) in steps.enumerated() where step.scratch > 0 {
      scratch[index] = planner.reserve(step.scratch * scratchParts, at: index)
    }
    let layout = planner.layOut()
    scratchPlaces = scratch.mapValues { Place(offset: layout.offsets[$0]) }
    arenaCount = layout.size
    var places: [Value: Place] = [:]
    for id in graph.types.indices {
      let value = Value(id: id)
      if let buffer = buffers[lowering.root(value)] { places[value] = Place(offset: layout.offsets[buffer]) }
    }
    self.places = places
  }
}

/// Which nodes of a batch take images one at a time.
enum Batch {
  /// How many nodes, and images of the batch; `nil` where all is done for all images at once.
  static func apart(_ graph: Graph, threads: Int) -> (nodes: Int, images: Int)? {
    guard let first = graph.inputs.first, graph.updates.isEmpty else { return nil }
    func images(_ value: Value) -> Int {
      let shape = graph.type(of: value).shape
      return shape.rank > 0 ? shape[0] : 1
    }
    let batch = images(first.value)
    // Members must have about equally much to do.
    guard batch >= 2, batch % threads == 0 || batch >= 4 * threads else { return nil }
    let parameters = Set(graph.parameters.map(\.value))
    func rank(_ value: Value) -> Int { parameters.contains(value) ? 0 : graph.type(of: value).shape.rank }
    guard let last = graph.nodes.lastIndex(where: { $0.inputs.contains { rank($0) == 4 } }) else {
      return nil
    }
    let nodes = graph.nodes[...last]
    func isBatch(_ value: Value) -> Bool { images(value) == batch }
    guard graph.inputs.allSatisfy({ isBatch($0.value) && rank($0.value) == 4 }),
      graph.outputs.allSatisfy({ isBatch($0.value) }),
      nodes.allSatisfy({ node in
        node.outputs.allSatisfy(isBatch) && Lowering.isPerImage(node.operation)
          && node.inputs.allSatisfy { parameters.contains($0) || isBatch($0) }
      })
    else { return nil }
    return (last + 1, batch)
  }
}
