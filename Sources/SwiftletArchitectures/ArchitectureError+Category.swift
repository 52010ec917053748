// ArchitectureError+Category.swift: whose affair an error of an architecture is.

import SwiftletCore

extension ArchitectureError: SwiftletError {
  public var category: ErrorCategory { .usage }
}
