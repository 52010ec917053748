// Selection.swift: the faster way for a shape, as measured: fused blocks or single layers, Winograd's products or direct ones.

import SwiftletGraph

/// Measured choices, by instruction set and shape. For other shapes rules decide.
///
/// Tables ship with the package for the processors that were measured; `swiftlet tune` measures another one on the machine where it
/// runs.
public struct Selection: Sendable, Hashable {
  /// The instruction set and the shape of a choice.
  public struct Key: Sendable, Hashable {
    /// The instruction set of the kernels.
    public let instructionSet: InstructionSet
    /// The shape of the step.
    package let shape: StepShape

    /// Creates a key.
    package init(_ instructionSet: InstructionSet, _ shape: StepShape) {
      (self.instructionSet, self.shape) = (instructionSet, shape)
    }
  }

  /// Whether the fused block, or Winograd's way, is the faster one.
  public var choices: [Key: Bool]

  /// Creates a table.
  public init(_ choices: [Key: Bool] = [:]) { self.choices = choices }

  /// The choices of both, those of `other` where they differ.
  public func merging(_ other: Selection) -> Selection { Selection(choices.merging(other.choices) { $1 }) }

  /// The choice for a shape, or `nil` where it was not measured.
  func choice(_ shape: StepShape, _ set: InstructionSet) -> Bool? { choices[Key(set, shape)] }
}

extension Selection.Key: LosslessStringConvertible, Comparable {
  /// `avx512 block 112×112 16-96-24 kernel 3 stride 2`.
  public var description: String { "\(instructionSet.rawValue) \(shape)" }

  /// Reads the text of ``description``, and nothing else.
  public init?(_ description: String) {
    let set = description.prefix { $0 != " " }
    guard let instructionSet = InstructionSet(rawValue: String(set)),
      let shape = StepShape(String(description.dropFirst(set.count + 1)))
    else { return nil }
    self.init(instructionSet, shape)
  }

  public static func < (a: Self, b: Self) -> Bool { a.description < b.description }
}

extension Selection: Codable {
  private enum Member: String, CodingKey { case choices }

  /// - Throws: `DecodingError` where a key is not one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Member.self)
    let texts = try container.decode([String: Bool].self, forKey: .choices)
    choices = try texts.reduce(into: [:]) { choices, entry in
      guard let key = Key(entry.key) else {
        throw DecodingError.dataCorruptedError(
          forKey: .choices, in: container, debugDescription: "'\(entry.key)' is not a shape")
      }
      choices[key] = entry.value
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Member.self)
    try container.encode(
      Dictionary(uniqueKeysWithValues: choices.map { ($0.key.description, $0.value) }), forKey: .choices)
  }
}
