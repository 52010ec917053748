// TrainingEngineError.swift: errors in compiling a step of training.

import SwiftletCore

/// Why a step of training cannot be compiled: a fault of the engine, or too little memory.
package enum TrainingEngineError: Error, Equatable, CustomStringConvertible {
  /// A node reads a value that nothing before it has computed.
  case undefinedValue(node: String, value: Int)
  /// An op reads or writes memory that the session did not lay out.
  case unplacedMemory(node: String)
  /// A step needs more memory than can be addressed.
  case tooLarge(floats: Int)

  package var description: String {
    switch self {
    case .undefinedValue(let node, let value):
      "\(node): value %\(value) was not computed before it is read (a fault of the engine)"
    case .unplacedMemory(let node): "\(node): memory that the session did not lay out (a fault of the engine)"
    case .tooLarge(let floats): "a training step of \(floats) floats does not fit in memory"
    }
  }
}

extension TrainingEngineError: SwiftletError {
  package var category: ErrorCategory {
    switch self {
    case .undefinedValue, .unplacedMemory: .fault
    case .tooLarge: .resources
    }
  }
}
