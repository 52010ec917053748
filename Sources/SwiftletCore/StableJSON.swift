// StableJSON.swift: values as JSON whose text depends on nothing but the value.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// JSON with sorted keys and slashes as they are: for files that are compared, and text that a test can hold.
package enum StableJSON {
  /// The text of a value.
  ///
  /// - Parameters:
  ///   - isIndented: whether each member has a line of its own.
  ///   - namesNonFinite: whether numbers that JSON lacks become `"nan"`, `"inf"` and `"-inf"`, which nothing reads back.
  /// - Throws: an encoding error of the value; `EncodingError` for numbers that JSON lacks.
  package static func text(
    _ value: some Encodable, isIndented: Bool = false, namesNonFinite: Bool = false
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isIndented { encoder.outputFormatting.insert(.prettyPrinted) }
    if namesNonFinite {
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
