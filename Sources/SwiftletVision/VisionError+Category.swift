// VisionError+Category.swift: the categories of errors of an image.

import SwiftletCore

extension VisionError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .invalidPixels, .outside, .preprocessing: .usage
    default: .file
    }
  }
}
