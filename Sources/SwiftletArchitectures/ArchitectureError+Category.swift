// ArchitectureError+Category.swift: the categories of errors of an architecture.

import SwiftletCore

extension ArchitectureError: SwiftletError {
  public var category: ErrorCategory { .usage }
}
