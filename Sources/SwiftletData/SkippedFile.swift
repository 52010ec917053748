// SkippedFile.swift: an image that could not be read, and why.

/// A broken file: it is reported and counted, and the others are still used.
public struct SkippedFile: Sendable, Codable, Equatable {
  /// Its name in the data set.
  public var name: String
  /// The error in one line.
  public var reason: String

  /// Creates an entry.
  public init(name: String, reason: String) {
    self.name = name
    self.reason = reason
  }
}
