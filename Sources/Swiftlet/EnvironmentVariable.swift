// EnvironmentVariable.swift: every environment variable that the tool and downloads read.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An environment variable of the tool. Engines do not read any: their settings are arguments.
public enum EnvironmentVariable: String, CaseIterable, Sendable {
  /// The folder of downloaded weights.
  case cache = "SWIFTLET_CACHE"
  /// The instruction set whose kernels to use.
  case instructionSet = "SWIFTLET_ISA"
  /// The address from which weights are fetched instead of their publishers.
  case mirror = "SWIFTLET_MIRROR"
  /// The weights that are used where a command names none.
  case model = "SWIFTLET_MODEL"

  /// One line of help.
  public var help: String {
    switch self {
    case .cache: "the folder of downloaded weights (default: ~/.cache/swiftlet)"
    case .instructionSet:
      "the kernels to use: portable, avx2, avx512 or neon (default: the fastest there are)"
    case .mirror: "a URL that 'pull' fetches the weights' files from instead of their publishers"
    case .model:
      "the weights where a command names none: a file, a run's folder or a name of 'pull --list'"
    }
  }

  /// Its value, or `nil` where it is not set or empty.
  public var value: String? { Self.variable(rawValue) }

  /// The value of any variable, or `nil` where it is not set or empty.
  static func variable(_ name: String) -> String? {
    guard let text = getenv(name) else { return nil }
    let value = String(cString: text)
    return value.isEmpty ? nil : value
  }
}

extension InstructionSet {
  /// The one in the environment, else the fastest.
  ///
  /// - Throws: ``EnvironmentError`` where the environment names one that this machine does not have.
  public static func chosen() throws -> InstructionSet {
    guard let name = EnvironmentVariable.instructionSet.value else { return .best }
    guard let set = InstructionSet(rawValue: name), set.isAvailable else {
      let available = allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", ")
      throw EnvironmentError(
        description:
          "\(EnvironmentVariable.instructionSet.rawValue): '\(name)' is not available here; there are \(available)"
      )
    }
    return set
  }
}

/// An environment variable with a value that makes no sense.
public struct EnvironmentError: Error, Equatable, CustomStringConvertible {
  public let description: String
}
