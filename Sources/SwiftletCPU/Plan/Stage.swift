// Stage.swift: steps that share an arena, and the offset of each value in it.
//
// A batch runs in two stages. In the first, each worker takes whole images through all steps up to the last feature map, in
// an arena of its own: the output of one step is still in the cache when the next reads it, there are no barriers, and memory does
// not grow with the batch. The second does the rest (linear layers, whose weights are large) for all images at once.
// Without a batch there is one stage.

import SwiftletGraph

/// Consecutive steps of a plan with the layout of their arena.
struct Stage: Sendable {
  let steps: [any PlanStep]
  /// Whether every worker has an arena of its own and takes images one at a time.
  let isPerImage: Bool
  /// Images of the batch, where they are taken one at a time; otherwise 1.
  let images: Int
  /// The arena offset of each value, in bytes; parameters have none, they are in the weight blob.
  let offsets: [Value: Int]
  /// Floats from pixel to pixel of values with a padded stride; see ``PixelStride``.
  let pixelStrides: [Value: Int]
  /// The arena offset of each step's scratch, by the step's index.
  let scratchOffsets: [Int: Int]
  /// Workers that have scratch of their own in this arena.
  let scratchWorkers: Int
  /// Bytes of an arena.
  let byteCount: Int
  /// Values that are written before the first step, and that are read after the last one.
  let liveIn: [Value], liveOut: [Value]
  private let roots: [Value: Value]

  /// Lays out an arena.
  ///
  /// - Parameters:
  ///   - steps: in their order.
  ///   - lowering: gives the values that share memory.
  ///   - images: of the batch, where they are taken one at a time; otherwise `nil`.
  ///   - liveIn: values that are written before the first step.
  ///   - liveOut: values that are read after the last one.
  ///   - scratchWorkers: workers that need scratch of their own in this arena.
  /// - Throws: ``PlanError`` where a step reads or writes a value that has no memory.
  init(
    _ steps: [any PlanStep], _ lowering: Lowering, images: Int?, liveIn: [Value], liveOut: [Value],
    scratchWorkers: Int
  ) throws {
    let graph = lowering.graph
    self.steps = steps
    isPerImage = images != nil
    let images = images ?? 1
    self.images = images
    (self.liveIn, self.liveOut, self.scratchWorkers) = (liveIn, liveOut, scratchWorkers)
    roots = lowering.aliases.mapValues(lowering.root)
    let strides = PixelStride.padded(
      steps, graph, pinned: Set((liveIn + liveOut).map(lowering.root)), root: lowering.root)
    pixelStrides = strides
    var planner = MemoryPlanner(alignment: MemoryPlanner.line)
    var buffers: [Value: Int] = [:]
    func buffer(_ value: Value, at step: Int) {
      let root = lowering.root(value)
      guard buffers[root] == nil else { return }
      buffers[root] = planner.reserve(
        Self.byteCount(of: root, graph, stride: strides[root]) / images, at: step)
    }
    let parameters = Set(graph.parameters.map(\.value))
    for value in liveIn { buffer(value, at: -1) }
    for (index, step) in steps.enumerated() {
      for value in step.writes { buffer(value, at: index) }
      for value in step.reads + step.writes where !parameters.contains(value) {
        guard let id = buffers[lowering.root(value)] else {
          throw PlanError.unplaced(
            network: graph.name, step: step.labels.joined(separator: " + "), value: value.id)
        }
        planner.extend(id, to: index)
      }
    }
    for value in liveOut {
      guard let id = buffers[lowering.root(value)] else {
        throw PlanError.unplaced(network: graph.name, step: "results", value: value.id)
      }
      planner.extend(id, to: steps.count)
    }
    // Scratch lives through its own step only.
    var scratch: [Int: Int] = [:]
    for (index, step) in steps.enumerated() where step.scratchBytes > 0 {
      scratch[index] = planner.reserve(step.scratchBytes * scratchWorkers, at: index)
    }
    let layout = planner.layOut()
    scratchOffsets = scratch.mapValues { layout.offsets[$0] }
    byteCount = layout.size
    var offsets: [Value: Int] = [:]
    for id in graph.types.indices {
      let value = Value(id: id)
      if let buffer = buffers[lowering.root(value)] { offsets[value] = layout.offsets[buffer] }
    }
    self.offsets = offsets
  }

  /// The value whose memory a value is.
  func root(_ value: Value) -> Value { roots[value] ?? value }

  /// The arena offset of a value. Every value that a step names has one: the initializer throws otherwise.
  func offset(of value: Value) -> Int {
    guard let offset = offsets[value] else {
      preconditionFailure("value %\(value.id) has no memory in its stage")
    }
    return offset
  }

  /// A value's shape as the steps see it: of one image, where images are taken one at a time.
  func shape(_ value: Value, _ graph: Graph) -> Shape {
    let shape = graph.type(of: value).shape
    guard isPerImage, offsets[value] != nil else { return shape }
    return Shape([shape[0] / images] + shape.dimensions.dropFirst())
  }

  /// Bytes that a value of the whole batch takes with its pixel stride.
  static func byteCount(of value: Value, _ graph: Graph, stride: Int?) -> Int {
    let type = graph.type(of: value)
    return stride.map { type.byteCount / type.shape[-1] * $0 } ?? type.byteCount
  }
}
