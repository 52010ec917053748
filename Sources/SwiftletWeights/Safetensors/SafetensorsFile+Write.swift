// SafetensorsFile+Write.swift: writes the safetensors format, byte for byte as the reference implementation does.

import SwiftletCore

extension SafetensorsFile {
  /// Writes a safetensors file: whole or not at all (``AtomicFile``).
  ///
  /// The bytes depend on the arguments only. Tensors are laid out as the reference implementation does, wide
  /// types first and then by name, so their order in the file is not the order given.
  ///
  /// - Parameters:
  ///   - tensors: names and tensors. Names are unique and not `__metadata__`.
  ///   - metadata: text to keep with them, written by sorted key.
  ///   - path: the file to create or replace.
  /// - Throws: ``FormatError/unwritable(file:reason:)`` where the names or the header break a rule of the
  ///   format; `AtomicFileError` where the file cannot be written.
  package static func write(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], to path: String
  ) throws {
    let sorted = tensors.sorted { left, right in
      let ranks = (left.tensor.scalarType.safetensorsRank, right.tensor.scalarType.safetensorsRank)
      return ranks.0 == ranks.1
        ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8) : ranks.0 > ranks.1
    }
    let header = try Self.header(sorted, metadata: metadata, path: path)
    try AtomicFile.write(to: path) { append in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try append($0) }
      try header.withUnsafeBytes { try append($0) }
      for element in sorted { try element.tensor.withUnsafeBytes { try append($0) } }
    }
  }

  /// Writes named tensors: whole or not at all. Otherwise as for an array of pairs.
  package static func write(_ tensors: NamedTensors, metadata: [String: String] = [:], to path: String) throws
  {
    try write(Array(tensors), metadata: metadata, to: path)
  }

  private static func header(
    _ sorted: [(name: String, tensor: Tensor)], metadata: [String: String], path: String
  ) throws -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      let text = pairs.map { "\(quoted($0.key)):\(quoted($0.value))" }.joined(separator: ",")
      members.append("\"__metadata__\":{\(text)}")
    }
    var seen = Set<ExactName>()
    var offset = 0
    for (name, tensor) in sorted {
      guard name != "__metadata__" else {
        throw FormatError.unwritable(file: path, reason: "no tensor can be called '__metadata__'")
      }
      guard seen.insert(ExactName(name)).inserted else {
        let reason = "the name '\(FormatError.shortened(name))' occurs twice"
        throw FormatError.unwritable(file: path, reason: reason)
      }
      guard tensor.shape.rank <= largestRank else {
        let reason = "'\(FormatError.shortened(name))' has more than \(largestRank) dimensions"
        throw FormatError.unwritable(file: path, reason: reason)
      }
      let (end, overflow) = offset.addingReportingOverflow(tensor.byteCount)
      guard !overflow else { throw FormatError.unwritable(file: path, reason: "the tensors are too large") }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(name)):{\"dtype\":\"\(tensor.scalarType.safetensorsCode)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
    guard header.count <= largestHeader else {
      let reason = "the names take \(header.count) bytes; a header may have \(largestHeader)"
      throw FormatError.unwritable(file: path, reason: reason)
    }
    return header
  }

  /// A JSON string, escaped where JSON demands it and nowhere else.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x08: result += "\\b"
      case 0x0C: result += "\\f"
      case 0x0A: result += "\\n"
      case 0x0D: result += "\\r"
      case 0x09: result += "\\t"
      case 0..<0x10: result += "\\u000\(String(scalar.value, radix: 16))"
      case 0x10..<0x20: result += "\\u00\(String(scalar.value, radix: 16))"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
