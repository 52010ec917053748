// ImageRunner.swift: a compiled network that takes images, one at a time or many, from any thread.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights
import Synchronization

/// The common part of classifiers and embedders: preprocessing, sessions for one image and for a batch, and a bound on both.
final class ImageRunner: Sendable {
  /// The network's name.
  let name: String
  private let model: Model
  /// Images of a batch.
  let batch: Int
  private let engine: CPUBackend
  private let single: SessionPool
  /// Made when it is first needed: it shares the single plan's weights.
  private let batched = Mutex<SessionPool?>(nil)

  /// Compiles a network for images.
  ///
  /// - Throws: ``GraphError``, ``ParametersError``, ``PlanError``.
  init(_ graph: Graph, of model: Model, engine: CPUBackend) throws {
    name = graph.name
    self.model = model
    self.engine = engine
    batch = max(16, 4 * engine.threads)
    single = SessionPool(try engine.inferencePlan(graph, parameters: model.parameters))
  }

  /// The outputs for an input that has been prepared.
  ///
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``, ``ClassifierError/notANumber(network:)``.
  func run(input: Tensor) throws -> [[Float]] {
    try checked(try single.run([input]).map { $0.floats() })
  }

  /// The outputs for an image.
  ///
  /// - Throws: ``VisionError``, ``ClassifierError/notANumber(network:)``.
  func run(_ image: RGBImage) throws -> [[Float]] { try run(input: model.input(image)) }

  /// The outputs for each image: the bits that it gives alone.
  ///
  /// - Throws: as ``run(_:)``, for the first image that fails.
  func run(_ images: [RGBImage]) throws -> [[[Float]]] {
    if images.count < 2 { return try images.map { try run($0) } }
    let pool = try batchSessions()
    var results: [[[Float]]] = []
    for start in stride(from: 0, to: images.count, by: batch) {
      results += try run(images[start..<min(start + batch, images.count)], pool)
    }
    return results
  }

  private func run(_ images: ArraySlice<RGBImage>, _ pool: SessionPool) throws -> [[[Float]]] {
    let model = self.model
    let inputs = try pool.plan.pool.map(images.count) {
      try model.input(images[images.startIndex + $0])
    }
    let (outputs, batch) = (pool.plan.graph.outputs.count, batch)
    let results = pool.withSession { session in
      session.withInput(0) { floats in
        let count = floats.count / batch
        for (index, input) in inputs.enumerated() {
          input.withFloats { source in
            _ = UnsafeMutableBufferPointer(rebasing: floats[(index * count)..<((index + 1) * count)])
              .update(fromContentsOf: source)
          }
        }
      }
      session.run(images: inputs.count)
      return inputs.indices.map { index in
        (0..<outputs).map { output in
          session.withOutput(output) { floats in
            let count = floats.count / batch
            return Array(floats[(index * count)..<((index + 1) * count)])
          }
        }
      }
    }
    return try results.map(checked)
  }

  private func batchSessions() throws -> SessionPool {
    try batched.withLock { pool in
      if let pool { return pool }
      // One batch at a time: it uses all threads.
      let made = SessionPool(try engine.plan(single.plan, batch: batch), capacity: 1)
      pool = made
      return made
    }
  }

  private func checked(_ outputs: [[Float]]) throws -> [[Float]] {
    guard outputs.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw ClassifierError.notANumber(network: name)
    }
    return outputs
  }
}
