// PlanError+Category.swift: the categories of errors of a plan.

import SwiftletCore

extension PlanError: SwiftletError {
  public var category: ErrorCategory {
    switch self {
    case .tooLarge, .activations: .resources
    case .unplaced, .overlap: .fault
    }
  }
}
