// WeightFile.swift: the contents of a weight file of any kind.

import SwiftletCore

/// Reads weight files of every kind; the kind is recognized by the contents, not by the name.
package enum WeightFile {
  /// The kinds of file that are read.
  package enum Format: String, Sendable, CaseIterable {
    case safetensors
    case pyTorch = "PyTorch checkpoint"
  }

  /// The contents of a weight file.
  package struct Contents: Sendable {
    /// The kind of file.
    package let format: Format
    /// The tensors, in the file's order.
    package let tensors: NamedTensors
    /// Text about them; only safetensors has any.
    package let metadata: [String: String]
    /// One line about a choice among several state dicts.
    package let note: String?

    package init(
      format: Format, tensors: NamedTensors, metadata: [String: String] = [:], note: String? = nil
    ) {
      (self.format, self.tensors, self.metadata, self.note) = (format, tensors, metadata, note)
    }
  }

  /// Reads a safetensors file.
  ///
  /// - Throws: ``FormatError`` where it cannot be read, is damaged, or is of another kind.
  package static func readSafetensors(_ path: String) throws -> Contents {
    let file = try MappedFile(contentsOf: path)
    guard isSafetensors(file) else {
      throw FormatError.unsupported(
        file: path,
        reason: "is no safetensors file; the Swiftlet product and 'swiftlet convert' read other kinds")
    }
    return try readSafetensors(file)
  }

  /// Reads a safetensors file that is mapped already.
  package static func readSafetensors(_ file: MappedFile) throws -> Contents {
    let contents = try SafetensorsFile(file)
    return Contents(format: .safetensors, tensors: contents.tensors, metadata: contents.metadata)
  }

  /// Whether a file begins as safetensors do: eight bytes, and an object of JSON.
  package static func isSafetensors(_ file: MappedFile) -> Bool {
    file.storage.withUnsafeBytes { $0.dropFirst(8).first == UInt8(ascii: "{") }
  }
}
