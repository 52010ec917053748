// NameRegistry.swift: things that files refer to by name, with those that a program adds at run time.

import Synchronization

/// Entries by name: built-in ones, and ones that programs register before they read or write files that name them.
package final class NameRegistry<Entry: Sendable>: Sendable {
  private let entries: Mutex<[String: Entry]>

  /// Creates a registry with its built-in entries.
  package init(_ builtIn: [(name: String, entry: Entry)]) {
    entries = Mutex(Dictionary(builtIn.map { ($0.name, $0.entry) }) { first, _ in first })
  }

  /// Adds an entry, or replaces the one of that name.
  package func register(_ entry: Entry, as name: String) { entries.withLock { $0[name] = entry } }

  /// The entry of a name, or `nil`.
  package subscript(name: String) -> Entry? { entries.withLock { $0[name] } }

  /// All names, sorted.
  package var names: [String] { entries.withLock { $0.keys.sorted() } }
}
