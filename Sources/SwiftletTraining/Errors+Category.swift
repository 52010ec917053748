// Errors+Category.swift: the categories of errors of training.

import SwiftletCore

extension TrainingError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .badRecipeFile, .badArchitectureFile, .badCheckpoint: .file
    case .folderLocked, .tooLittleMemory: .resources
    default: .usage
    }
  }
}

extension RunFolderError: SwiftletError {
  package var category: ErrorCategory { .resources }
}
