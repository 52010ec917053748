// Expected.swift: what Scripts/goldens/formats.py says is in each file.

import Foundation
import SwiftletCore
import TestSupport
import Testing

import SwiftletFormats

/// A tensor as Python saw it.
struct ExpectedTensor: Decodable {
  let name: String
  let scalarType: ScalarType
  let shape: Shape
  let bytes: [UInt8]

  init(from decoder: any Decoder) throws {
    var values = try decoder.unkeyedContainer()
    name = try values.decode(String.self)
    scalarType = try values.decode(ScalarType.self)
    shape = try values.decode(Shape.self)
    let digits = Array(try values.decode(String.self).utf8)
    bytes = stride(from: 0, to: digits.count, by: 2).map { index in
      UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16) ?? 0
    }
  }

  /// All files of the manifest.
  static func all() throws -> [String: [ExpectedTensor]] {
    let data = try Data(contentsOf: Files.golden("formats/expected.json"))
    return try JSONDecoder().decode([String: [ExpectedTensor]].self, from: data)
  }

  /// What the manifest says of one file.
  static func of(_ file: String) throws -> [ExpectedTensor] {
    let expected = try all()[file]
    return try #require(expected, "\(file) is in the manifest")
  }
}

/// The path of a golden of this room.
func golden(_ name: String) -> String { Files.golden("formats/\(name)").path }

/// Checks names, order, types, shapes and every byte.
func check(
  _ tensors: NamedTensors, _ expected: [ExpectedTensor], sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(tensors.names == expected.map(\.name), sourceLocation: sourceLocation)
  for want in expected {
    guard let tensor = tensors[want.name] else { continue }
    #expect(tensor.scalarType == want.scalarType, "\(want.name)", sourceLocation: sourceLocation)
    #expect(tensor.shape == want.shape, "\(want.name)", sourceLocation: sourceLocation)
    let bytes = tensor.withUnsafeBytes { Array($0) }
    #expect(bytes == want.bytes, "\(want.name)", sourceLocation: sourceLocation)
  }
}
