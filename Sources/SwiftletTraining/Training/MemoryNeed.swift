// MemoryNeed.swift: the least memory of a run, compared with the available memory before anything is allocated.

import SwiftletArchitectures

extension Graph {
  /// Bytes of the values that a run holds at its fullest moment, for an engine that computes activations, norms, gates
  /// and reshapes where they are read: no engine needs less, and one that stores more needs up to three times as much.
  package var leastActivationBytes: Int {
    let inPlace = Set(updates.map(\.value))
    var lastUse = [Int](repeating: -1, count: types.count)
    for port in outputs { lastUse[port.value.id] = nodes.count }
    for (index, node) in nodes.enumerated().reversed() {
      // The memory under a view is needed as long as the view, which is the first output.
      let until = node.isView ? max(index, node.outputs.first.map { lastUse[$0.id] } ?? index) : index
      for value in node.inputs { lastUse[value.id] = max(lastUse[value.id], until) }
    }
    var ending = [Int](repeating: 0, count: nodes.count + 1)
    var (live, peak) = (0, 0)
    for (index, node) in nodes.enumerated() {
      for value in node.outputs.dropFirst(node.isView ? 1 : 0)
      where !inPlace.contains(value) && lastUse[value.id] >= 0 {
        let bytes = type(of: value).byteCount
        live += bytes
        ending[max(lastUse[value.id], index)] += bytes
      }
      peak = max(peak, live)
      live -= ending[index]
    }
    return peak
  }

  /// Bytes of inputs and parameters.
  var storedBytes: Int {
    inputs.reduce(0) { $0 + type(of: $1.value).byteCount }
      + parameters.reduce(0) { $0 + type(of: $1.value).byteCount }
  }
}

extension Node {
  /// Whether an engine can compute the result where it is read.
  fileprivate var isView: Bool {
    operation is Activation || operation is BatchNorm || operation is BatchNormTraining
      || operation is ChannelScale || operation is Reshape || operation is ActivationGradient
      || operation is BatchNormGradient
  }
}

/// The memory that a part of a run needs, against a limit.
package struct MemoryNeed {
  /// The part that needs it: `a training step of 128 images at 32 pixels`.
  package let what: String
  /// Bytes, at least.
  package private(set) var bytes: Int

  /// A step of training: its values, parameters and state, and the batches that are prefetched.
  package init(step graph: Graph, batch: Int, resolution: Int, prefetch: Int) {
    what = "a training step of \(batch) images at \(resolution) pixels"
    bytes = Self.sum(graph.leastActivationBytes, graph.storedBytes)
    add(batches: prefetch, of: batch, resolution)
  }

  /// An evaluation: the values of one image, the weights, and the batches that are in flight.
  init(inference graph: Graph, batch: Int, resolution: Int) {
    what = "an evaluation of \(batch) images at a time at \(resolution) pixels"
    bytes = Self.sum(graph.leastActivationBytes, graph.storedBytes)
    add(batches: 2, of: batch, resolution)
  }

  private mutating func add(batches: Int, of batch: Int, _ resolution: Int) {
    let (pixels, overflow) = batch.multipliedReportingOverflow(by: 3 * 4 * resolution * resolution)
    let (total, overflows) = pixels.multipliedReportingOverflow(by: max(batches, 0))
    bytes = overflow || overflows ? .max : Self.sum(bytes, total)
  }

  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }

  /// Throws where the need is above a limit.
  ///
  /// - Parameter limit: bytes that may be taken; those of the machine if `nil`.
  /// - Throws: ``TrainingError/tooLittleMemory(what:needed:available:)``.
  package func check(limit: Int?) throws {
    let available = limit ?? AvailableMemory.bytes
    guard bytes <= available else {
      throw TrainingError.tooLittleMemory(what: what, needed: bytes, available: available)
    }
  }
}
