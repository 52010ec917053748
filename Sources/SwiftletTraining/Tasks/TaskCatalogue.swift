// TaskCatalogue.swift: tasks by name, and a task as a part of a file.

import SwiftletCore

/// The tasks that files may name.
public enum TaskCatalogue {
  private static let registry = NameRegistry<any TrainingTask.Type>([
    (ClassificationTask.name, ClassificationTask.self), (MultiLabelTask.name, MultiLabelTask.self),
  ])

  /// Makes a task of your own known by its name, so that models and checkpoints that have it can be saved and read.
  public static func register(_ task: any TrainingTask.Type) { registry.register(task, as: task.name) }

  /// The task of a name, or `nil`.
  public static func task(named name: String) -> (any TrainingTask.Type)? { registry[name] }

  /// The names of all tasks.
  public static var names: [String] { registry.names }
}

/// A task in a file: its name and its attributes.
package struct StoredTask: Sendable, Hashable, Codable {
  /// The task.
  package let task: any TrainingTask

  /// A task to store.
  package init(_ task: any TrainingTask) { self.task = task }

  private enum Key: String, CodingKey { case name, attributes }

  /// - Throws: ``TrainingError/unknownTask(_:)`` where the name is not registered.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let name = try container.decode(String.self, forKey: .name)
    guard let type = TaskCatalogue.task(named: name) else { throw TrainingError.unknownTask(name) }
    task = try type.init(from: try container.superDecoder(forKey: .attributes))
  }

  /// - Throws: ``TrainingError/unknownTask(_:)`` where the name is not registered: the file could not be read.
  package func encode(to encoder: any Encoder) throws {
    let name = type(of: task).name
    guard let known = TaskCatalogue.task(named: name), known == type(of: task) else {
      throw TrainingError.unknownTask(name)
    }
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try task.encode(to: container.superEncoder(forKey: .attributes))
  }

  package static func == (a: StoredTask, b: StoredTask) -> Bool { AnyHashable(a.task) == AnyHashable(b.task) }

  package func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(task)) }
}
