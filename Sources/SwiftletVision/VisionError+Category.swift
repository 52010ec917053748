// VisionError+Category.swift: whose affair an error of an image is.

import SwiftletCore

extension VisionError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .invalidPixels, .outside, .preprocessing: .usage
    default: .file
    }
  }
}
