// FormatError+Category.swift: whose affair an error of a weight file is.

import SwiftletCore

extension FormatError: SwiftletError {
  public var category: ErrorCategory {
    if case .unwritable = self { .resources } else { .file }
  }
}
