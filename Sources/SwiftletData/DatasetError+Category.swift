// DatasetError+Category.swift: whose affair an error of a data set is.

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
