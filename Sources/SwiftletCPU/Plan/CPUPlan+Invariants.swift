// CPUPlan+Invariants.swift: the invariants of every plan; checked in tests and debug builds.

import SwiftletGraph

extension CPUPlan {
  /// Checks the layout of each stage without the planner: every value that a step reads was written before, lies inside the
  /// arena, and shares no byte with another value or with scratch while it is alive.
  ///
  /// - Throws: ``PlanError``.
  package func verify() throws {
    for stage in stages { try verify(stage) }
  }

  /// The bytes of a value, and the steps between which they must not change.
  private struct Interval {
    let value: Int
    let bytes: Range<Int>
    let first: Int
    var last: Int
  }

  private func verify(_ stage: Stage) throws {
    let parameters = Set(graph.parameters.map(\.value))
    var intervals: [Value: Interval] = [:]
    func name(_ step: Int) -> String {
      stage.steps.indices.contains(step) ? stage.steps[step].labels.joined(separator: " + ") : "results"
    }
    func write(_ value: Value, _ step: Int) throws {
      let root = stage.root(value)
      guard intervals[root] == nil else { return }
      let size = Stage.byteCount(of: root, graph, stride: stage.pixelStrides[root]) / stage.images
      guard let offset = stage.offsets[root], offset + size <= stage.byteCount else {
        throw PlanError.unplaced(network: graph.name, step: name(step), value: value.id)
      }
      intervals[root] = Interval(value: root.id, bytes: offset..<offset + size, first: step, last: step)
    }
    func read(_ value: Value, _ step: Int) throws {
      let root = stage.root(value)
      guard intervals[root] != nil else {
        throw PlanError.unplaced(network: graph.name, step: name(step), value: value.id)
      }
      intervals[root]?.last = step
    }
    for value in stage.liveIn { try write(value, -1) }
    for (index, step) in stage.steps.enumerated() {
      for value in step.reads where !parameters.contains(value) { try read(value, index) }
      for value in step.writes { try write(value, index) }
    }
    for value in stage.liveOut { try read(value, stage.steps.count) }
    var all = Array(intervals.values)
    for (index, offset) in stage.scratchOffsets {
      let size = stage.steps[index].scratchBytes * stage.scratchWorkers
      all.append(Interval(value: -1, bytes: offset..<offset + size, first: index, last: index))
    }
    for (i, a) in all.enumerated() {
      for b in all[(i + 1)...] where a.first <= b.last && b.first <= a.last && a.bytes.overlaps(b.bytes) {
        throw PlanError.overlap(
          network: graph.name, step: name(max(a.first, b.first)), first: a.value, second: b.value)
      }
    }
  }
}
