// SwiftletError.swift: what all errors of this package have in common: whose affair they are.

/// Whose affair an error is.
public enum ErrorCategory: String, Sendable, CaseIterable {
  /// The caller asked for something that makes no sense or does not fit: other arguments help.
  case usage
  /// A file is missing, damaged, or of another kind: another file helps.
  case file
  /// The machine lacks something: memory, space, a permission, a connection.
  case resources
  /// A fault of this package: please report it.
  case fault
}

/// An error of this package. Its description is one line.
public protocol SwiftletError: Error, Sendable, CustomStringConvertible {
  /// Whose affair it is.
  var category: ErrorCategory { get }
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
