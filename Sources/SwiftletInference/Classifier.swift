// Classifier.swift: a model compiled once, for images.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A class with its probability.
public struct Prediction: Sendable, Hashable, Codable {
  /// The class.
  public let index: Int
  /// Its name.
  public let label: String
  /// In 0…1; all classes together have 1, unless the model finds any number of classes on an image.
  public let probability: Double
}

/// The classification of an image.
public struct Classification: Sendable {
  /// The network's outputs, one for each class.
  public let logits: [Float]
  /// The classes' names; may be empty.
  let labels: [String]
  /// The meaning of the logits: one class for each image (softmax), or any number of classes (sigmoids).
  var rule = ClassRule.one

  /// The softmax of the logits, of a model for any number of classes their sigmoids, computed in Double.
  public var probabilities: [Double] { rule.probabilities(of: logits) }

  /// The classes with the highest probabilities, best first; of equal ones the lower index first.
  public func top(_ count: Int) -> [Prediction] {
    let probabilities = self.probabilities
    let order = probabilities.indices.sorted {
      probabilities[$0] == probabilities[$1] ? $0 < $1 : probabilities[$0] > probabilities[$1]
    }
    return order.prefix(max(count, 0)).map { index in
      Prediction(
        index: index, label: labels.indices.contains(index) ? labels[index] : "class \(index)",
        probability: probabilities[index])
    }
  }
}

/// A model compiled once, with its norms folded. It may be used from many threads at a time.
public struct Classifier: Sendable {
  /// The model.
  public let model: Model
  private let runner: ImageRunner

  /// Compiles a model.
  ///
  /// - Parameters:
  ///   - model: the network with its weights.
  ///   - engine: threads, kernels and precision; all processors and the fastest kernels if not given.
  /// - Throws: ``GraphError`` or ``ParametersError`` where the model is unsound, ``PlanError`` where it is too large,
  ///   ``ModelError/noClassifier(description:)`` where its file lacked the last layer.
  public init(_ model: Model, engine: CPUBackend = .automatic) throws {
    try model.checkHasClassifier()
    self.model = model
    runner = try ImageRunner(
      model.definition.graph().withOutputs([PortName.logits]), of: model, engine: engine)
  }

  /// Images that ``classify(_:)`` takes at a time.
  public var batch: Int { runner.batch }

  /// Classifies an image.
  ///
  /// - Throws: ``VisionError`` where the image cannot be prepared, ``ClassifierError`` where the weights give
  ///   something that is not a number.
  public func callAsFunction(_ image: RGBImage) throws -> Classification {
    classification(try runner.run(image))
  }

  /// Classifies images, several at a time: preprocessing on all threads, the network in batches. Each gets the bits that it gets
  /// alone.
  ///
  /// - Throws: as for one image, for the first that fails.
  public func classify(_ images: [RGBImage]) throws -> [Classification] {
    try runner.run(images).map(classification)
  }

  /// Classifies an image without blocking the caller's executor. A task that is cancelled before its turn does no work.
  ///
  /// - Throws: as ``callAsFunction(_:)``, `CancellationError`.
  public func classification(of image: RGBImage) async throws -> Classification {
    try await BlockingWork.run { try self(image) }
  }

  /// Classifies images as they arrive, in their order; see ``Classifications``.
  public func classifications<Images: AsyncSequence>(of images: Images) -> Classifications<Images>
  where Images.Element == RGBImage {
    Classifications(classifier: self, base: images)
  }

  /// Classifies an input that has been prepared: `[1, R, R, 3]`, normalised.
  ///
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``, ``ClassifierError``.
  public func classify(input: Tensor) throws -> Classification {
    classification(try runner.run(input: input))
  }

  private func classification(_ outputs: [[Float]]) -> Classification {
    Classification(logits: outputs[0], labels: model.labels, rule: model.rule)
  }
}

/// Errors of a classifier.
public enum ClassifierError: Error, Equatable, CustomStringConvertible {
  /// An output is infinite or not a number: the weights are damaged.
  case notANumber(network: String)

  public var description: String {
    switch self {
    case .notANumber(let network):
      "\(network) gave an output that is not a number: its weights are damaged"
    }
  }
}
