// PlanError.swift: errors in compiling a graph, and errors in a plan.

import SwiftletGraph

/// Why a plan cannot be made.
public enum PlanError: Error, Equatable, CustomStringConvertible {
  /// A table of the step would take more memory than any network needs.
  case tooLarge(network: String, step: String, bytes: Int, limit: Int)
  /// The activations would take more memory than is allowed.
  case activations(network: String, bytes: Int, limit: Int)
  /// A step reads or writes a value that has no memory: a fault of the planner.
  case unplaced(network: String, step: String, value: Int)
  /// Two values that are alive together share memory: a fault of the planner.
  case overlap(network: String, step: String, first: Int, second: Int)

  public var description: String {
    switch self {
    case .tooLarge(let network, let step, let bytes, let limit):
      "\(network): \(step) needs a table of \(bytes / 1_000_000) MB; \(limit / 1_000_000) MB are allowed"
    case .activations(let network, let bytes, let limit):
      "\(network) needs \(bytes / 1_000_000) MB for activations; \(limit / 1_000_000) MB are allowed"
    case .unplaced(let network, let step, let value):
      "internal error in the plan of \(network): value %\(value) has no memory at \(step)"
    case .overlap(let network, let step, let first, let second):
      "internal error in the plan of \(network): values %\(first) and %\(second) share memory at \(step)"
    }
  }
}
