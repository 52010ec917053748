// DatasetError+Category.swift: the categories of errors of a data set.

import SwiftletCore

extension DatasetError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .holdOut, .outside, .label, .batchSize, .batchTooLarge, .cannotMix: .usage
    case .noThread: .resources
    default: .file
    }
  }
}
