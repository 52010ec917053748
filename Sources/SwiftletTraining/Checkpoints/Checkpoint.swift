// Checkpoint.swift: the whole state of a run as one file.

import SwiftletArchitectures
import SwiftletCore
import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The progress of a run.
package struct RunProgress: Sendable, Codable, Equatable {
  /// The epoch whose weights were best.
  package struct Best: Sendable, Codable, Equatable {
    /// The epoch, from 1.
    package var epoch: Int
    /// Its ``TaskEvaluation/score`` on the validation images; `nil` where there are none.
    package var score: Double?
    /// Its validation loss; its training loss where there is no validation.
    package var loss: Double

    // Files have called it so since there were no tasks but classification.
    private enum CodingKeys: String, CodingKey {
      case epoch, loss
      case score = "accuracy"
    }

    /// Whether it is better than another: by score where there is one, then by loss. Of equals the earlier one stays.
    func isBetter(than other: Best?) -> Bool {
      guard let other else { return true }
      if let score, let otherScore = other.score, score != otherScore { return score > otherScore }
      return loss < other.loss
    }
  }

  /// Epochs that are done.
  package var epochs = 0
  /// Steps of the next epoch that are done.
  package var steps = 0
  /// Steps since the start of the run: dropout is decided by it.
  package var step = 0
  /// Updates of the weights since the start of the run.
  package var updates = 0
  /// Sums over the epoch's images so far: of their losses, and of their shares of right decisions; and how many images.
  package var lossSum = 0.0, correct = 0.0, seen = 0
  /// The learning rate of the last step.
  package var learningRate = 0.0
  /// Seconds of the epoch so far, and those of them that were spent waiting for batches.
  package var seconds = 0.0, waitingSeconds = 0.0
  /// The epochs that are done.
  package var records: [EpochRecord] = []
  /// The best of them.
  package var best: Best?
  /// The mean of the steps' losses with a decay of 0.95; `nil` before the first step.
  package var smoothedLoss: Double?
  /// Points of the curves over steps; `nil` in files of older versions.
  package var curve: [StepPoint]?

  /// The start of a run.
  package init() {}
}

/// The whole state of a run: weights, moments, averages, and how far it is.
///
/// A safetensors file: the step's parameters by name, and two members of JSON in its metadata.
package struct Checkpoint: Sendable {
  /// The identity of its run.
  package let identity: RunIdentity
  /// The progress of its run.
  package let progress: RunProgress
  /// Every parameter of the step's graph.
  package let state: Parameters

  private static let identityKey = "swiftlet.run"
  private static let progressKey = "swiftlet.progress"

  /// Puts a checkpoint together.
  package init(identity: RunIdentity, progress: RunProgress, state: Parameters) {
    self.identity = identity
    self.progress = progress
    self.state = state
  }

  /// Writes it, whole or not at all; an earlier file at `path` stays until then.
  ///
  /// - Throws: `AtomicFileError` where it cannot be written.
  package func write(to path: String) throws {
    try SafetensorsFile.write(
      state.all,
      metadata: [
        "format": "swiftlet-checkpoint", Self.identityKey: try StableJSON.text(identity),
        Self.progressKey: try StableJSON.text(progress),
      ], to: path)
  }

  /// Reads one.
  ///
  /// - Throws: ``FormatError`` where the file is damaged, ``TrainingError/badCheckpoint(file:reason:)`` where it is something else.
  package init(contentsOf path: String) throws {
    let file = try SafetensorsFile(contentsOf: path)
    func decode<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value {
      guard let text = file.metadata[key] else {
        throw TrainingError.badCheckpoint(file: path, reason: "it has no metadata '\(key)'")
      }
      do { return try JSONDecoder().decode(type, from: Data(text.utf8)) } catch let error as TrainingError {
        throw TrainingError.badCheckpoint(file: path, reason: "\(error)")
      } catch let error as ArchitectureError {
        throw TrainingError.badCheckpoint(file: path, reason: "\(error)")
      } catch {
        throw TrainingError.badCheckpoint(
          file: path, reason: "metadata '\(key)' is not the JSON that Swiftlet writes")
      }
    }
    identity = try decode(RunIdentity.self, Self.identityKey)
    progress = try decode(RunProgress.self, Self.progressKey)
    var state = Parameters()
    // Copies: the file will be replaced while they are used.
    for (name, tensor) in file.tensors {
      state[name] = try Tensor(shape: tensor.shape, floats: tensor.floats())
    }
    self.state = state
  }
}
