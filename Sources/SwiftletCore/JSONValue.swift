// JSONValue.swift: any JSON value, for files that people write: unknown keys are found, and missing ones are filled in.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A JSON value as a tree.
package indirect enum JSONValue: Codable, Equatable, Sendable {
  case null
  case bool(Bool)
  case unsigned(UInt64)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Parses JSON.
  ///
  /// - Throws: `DecodingError` where the bytes are not JSON.
  package init(parsing data: Data) throws { self = try JSONDecoder().decode(JSONValue.self, from: data) }

  /// The JSON of a value.
  ///
  /// - Throws: an encoding error of the value.
  package init(encoding value: some Encodable) throws {
    try self.init(parsing: Data(StableJSON.text(value).utf8))
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(UInt64.self) {
      self = .unsigned(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .unsigned(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }

  /// The members of an object; `nil` for any other value.
  package var members: [String: JSONValue]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// Decodes a value of a type.
  ///
  /// - Throws: `DecodingError`.
  package func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(StableJSON.text(self).utf8))
  }

  /// The first key that `known`, the encoding of the value that was decoded, does not have: it was ignored. Keys of `null` are left
  /// out, because an encoding has none.
  ///
  /// - Parameters:
  ///   - known: the encoding of the decoded value.
  ///   - optional: keys of the outermost object that an encoding may lack.
  /// - Returns: the path of the key, and the keys that may stand there; `nil` where every key was read.
  package func unknownKey(
    comparedWith known: JSONValue, optional: Set<String> = []
  ) -> (path: String, allowed: [String])? {
    switch (self, known) {
    case (.object(let members), .object(let others)):
      for (key, value) in members.sorted(by: { $0.key < $1.key }) where value != .null {
        guard let other = others[key] else {
          if optional.contains(key) { continue }
          return (key, Set(others.keys).union(optional).sorted())
        }
        if let (path, allowed) = value.unknownKey(comparedWith: other) { return ("\(key).\(path)", allowed) }
      }
      return nil
    case (.array(let values), .array(let others)):
      for (index, (value, other)) in zip(values, others).enumerated() {
        if let (path, allowed) = value.unknownKey(comparedWith: other) {
          return ("\(index).\(path)", allowed)
        }
      }
      return nil
    default: return nil
    }
  }
}
