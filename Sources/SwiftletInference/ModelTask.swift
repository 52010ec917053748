// ModelTask.swift: the task of a model, as its file has it.

import SwiftletArchitectures
import SwiftletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The task of a model: its name and its attributes, as they are in the metadata of a model's file.
///
/// Inference uses the meaning of the logits (``rule``). Training has the task itself; tasks of other packages are kept
/// by name.
public struct ModelTask: Sendable, Hashable {
  /// One class for each image: the task of a file that names none.
  public static let classification = ModelTask(name: "classification", text: nil, rule: .one)

  /// The task's name in files.
  public let name: String
  /// The JSON of name and attributes; `nil` for ``classification``.
  package let text: String?
  /// The meaning of the logits; ``ClassRule/one`` for tasks that are not known here.
  public let rule: ClassRule

  private init(name: String, text: String?, rule: ClassRule) {
    (self.name, self.text, self.rule) = (name, text, rule)
  }

  /// The members of a stored task that are read here.
  private struct Stored: Decodable {
    struct Attributes: Decodable { var threshold: Double? }
    var name: String
    var attributes: Attributes?
  }

  /// Reads the task of a file.
  ///
  /// - Throws: `DecodingError` where it is not the JSON of a task.
  package init(text: String) throws {
    let stored = try JSONDecoder().decode(Stored.self, from: Data(text.utf8))
    let isMultiLabel = stored.name == "multiLabel"
    self.init(
      name: stored.name, text: text,
      rule: isMultiLabel ? .any(threshold: stored.attributes?.threshold ?? 0.5) : .one)
  }
}

extension Model {
  /// The key of the task in the metadata of our files.
  package static let taskKey = "swiftlet.task"

  /// The meaning of its outputs: that of its task. A single logit has no other to be compared with: it means the probability of
  /// the one class, by the sigmoid.
  public var rule: ClassRule { classes == 1 && task.rule == .one ? .any(threshold: 0.5) : task.rule }

  /// The same model for another task: the meaning of its outputs changes, its weights do not.
  package func with(task: ModelTask) -> Model {
    var copy = self
    copy.task = task
    return copy
  }

  /// The task that a file's metadata name.
  ///
  /// - Throws: ``ModelError/badMetadata(file:key:reason:)``.
  static func task(_ metadata: [String: String], file: String) throws -> ModelTask {
    guard let text = metadata[taskKey] else { return .classification }
    do { return try ModelTask(text: text) } catch {
      throw ModelError.badMetadata(
        file: file, key: taskKey, reason: "it is not the JSON that Swiftlet writes")
    }
  }

  /// The task's entries in a file's metadata.
  var taskMetadata: [String: String] { task.text.map { [Self.taskKey: $0] } ?? [:] }
}

extension Classification {
  /// The classes whose probability is at least `threshold`, best first; of equal ones the lower index first.
  public func above(_ threshold: Double) -> [Prediction] {
    top(logits.count).filter { $0.probability >= threshold }
  }
}
