// PlanError+Category.swift: whose affair an error of a plan is.

import SwiftletCore

extension PlanError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .tooLarge, .activations: .resources
    case .unplaced, .overlap: .fault
    }
  }
}
