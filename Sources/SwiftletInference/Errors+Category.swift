// Errors+Category.swift: the categories of errors of models.

import SwiftletCore

extension ModelError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .wrongWeights, .wrongNetwork, .unknownWeights, .noClassifier, .badMetadata, .noNames: .file
    default: .usage
    }
  }
}

extension ClassifierError: SwiftletError {
  public var category: ErrorCategory { .file }
}
