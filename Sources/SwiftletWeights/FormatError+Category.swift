// FormatError+Category.swift: the categories of errors of a weight file.

import SwiftletCore

extension FormatError: SwiftletError {
  public var category: ErrorCategory {
    if case .unwritable = self { .resources } else { .file }
  }
}
