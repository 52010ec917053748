// Embedder.swift: images as feature vectors.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// A model without its classifier, compiled once. It may be used from many threads at a time.
public struct Embedder: Sendable {
  /// The model.
  public let model: Model
  /// Numbers in a vector.
  public let count: Int
  private let runner: ImageRunner

  /// Compiles a model.
  ///
  /// - Parameters:
  ///   - model: the network with its weights.
  ///   - engine: threads, kernels and precision; all processors and the fastest kernels if not given.
  /// - Throws: ``GraphError`` or ``ParametersError`` where the model is unsound, ``PlanError`` where it is too large.
  public init(_ model: Model, engine: CPUBackend = .automatic) throws {
    let backbone = try model.backbone()
    let graph = try backbone.definition.graph().withOutputs(["logits"])
    let features = try graph.classifierLayer().features
    var builder = GraphBuilder(extending: graph)
    builder.output("features", features)
    count = graph.type(of: features).shape.count
    runner = try ImageRunner(try builder.finish(), of: backbone, engine: engine)
    self.model = model
  }

  /// The feature vector of an image: the classifier's input.
  ///
  /// - Throws: ``VisionError`` where the image cannot be prepared, ``ClassifierError`` where the weights give something that is
  ///   not a number.
  public func callAsFunction(_ image: RGBImage) throws -> [Float] { try runner.run(image).last ?? [] }

  /// The vectors of images, several at a time; each is the one that its image gets alone.
  ///
  /// - Throws: as for one image, for the first that fails.
  public func embed(_ images: [RGBImage]) throws -> [[Float]] { try runner.run(images).map { $0.last ?? [] } }

  /// The vector of an image, without blocking the caller's executor.
  ///
  /// - Throws: as ``callAsFunction(_:)``, `CancellationError`.
  public func embedding(of image: RGBImage) async throws -> [Float] {
    try await BlockingWork.run { try self(image) }
  }
}
