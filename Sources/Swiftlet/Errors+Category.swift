// Errors+Category.swift: the categories of errors of downloads, settings and evaluations.

import SwiftletCore

extension PullError: SwiftletError {
  public var category: ErrorCategory {
    if case .wrongDigest = self { .file } else { .resources }
  }
}

extension EvaluationError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension EnvironmentError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension Tuning.DamagedFile: SwiftletError {
  public var category: ErrorCategory { .file }
}
