// SwiftletError.swift: the protocol of all errors of this package, and their categories.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The category of an error, by its remedy.
public enum ErrorCategory: String, Sendable, CaseIterable {
  /// The caller's arguments make no sense or do not fit: other arguments help.
  case usage
  /// A file is missing, damaged, or of another kind: another file helps.
  case file
  /// The machine lacks something: memory, space, a permission, a connection.
  case resources
  /// A fault of this package: please report it.
  case fault
}

/// An error of this package. Its description is one line, which is its `localizedDescription` too.
public protocol SwiftletError: LocalizedError, Sendable, CustomStringConvertible {
  /// Its category.
  var category: ErrorCategory { get }
}

extension SwiftletError {
  /// The description: `localizedDescription` shows it.
  public var errorDescription: String? { description }
}

extension TensorError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension AtomicFileError: SwiftletError {
  package var category: ErrorCategory {
    switch self {
    case .diskFull, .notPermitted, .failed: .resources
    default: .usage
    }
  }
}
