// Support.swift: goldens of this room and ways to compare bytes.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport

enum Golden {
  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: Files.golden("vision/\(name)")))
  }

  static func json<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: Files.golden("vision/\(name)")))
  }

  static func array(_ name: String) throws -> Tensor {
    try NumpyFile.read(Files.golden("vision/\(name)").path)
  }
}

extension Tensor {
  /// The bytes of a uint8 tensor.
  var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// Where two runs of bytes first differ and how often; `nil` where they are equal.
func difference(_ actual: some Collection<UInt8>, _ expected: some Collection<UInt8>) -> String? {
  if actual.count != expected.count { return "\(actual.count) bytes, expected \(expected.count)" }
  var first: String?
  var count = 0
  for (index, (a, b)) in zip(actual, expected).enumerated() where a != b {
    first = first ?? "first at [\(index)]: \(a), expected \(b)"
    count += 1
  }
  return first.map { "\(count) of \(actual.count) bytes differ, \($0)" }
}

/// CRC-32 as zlib computes it: what the manifests of whole photographs hold.
enum Checksum {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }

  static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }
}

/// The one-line rule for errors: the description names the file and has no line break.
func isOneLine(_ error: any Error, naming name: String) -> Bool {
  let text = String(describing: error)
  return text.hasPrefix(name) && !text.contains(where: \.isNewline) && text.count < 400
}
