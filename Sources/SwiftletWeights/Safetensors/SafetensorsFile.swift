// SafetensorsFile.swift: reads the safetensors format (https://github.com/huggingface/safetensors, "Format").
//
// A file is: N, the length of the header, as 8 bytes little-endian; N bytes of JSON, name → {dtype, shape,
// data_offsets}; then the elements, which the tensors cover without hole or overlap.

import SwiftletCore

/// A safetensors file: tensors with names, and text about them.
///
/// The file is mapped, and the tensors lie over the mapping: opening reads the header only and copies nothing.
/// (See ``MappedFile`` for the consequences where another program truncates the file.)
///
/// The rules are those of the reference implementation, and two more: a name may not occur twice, and a tensor
/// may have 64 dimensions at most.
package struct SafetensorsFile: Sendable {
  /// The text under `__metadata__`; empty where there is none.
  package let metadata: [String: String]
  /// The tensors, in the order in which their elements lie in the file.
  package let tensors: NamedTensors

  /// A header may have this many bytes, as in the reference implementation.
  static let largestHeader = 100_000_000
  /// A tensor may have this many dimensions, as in PyTorch.
  static let largestRank = 64

  /// Maps a file and reads its header.
  ///
  /// - Throws: ``FormatError`` where the file cannot be mapped or breaks a rule of the format.
  package init(contentsOf path: String) throws {
    try self.init(MappedFile(contentsOf: path))
  }

  /// Reads the header of a file that is mapped already.
  package init(_ file: MappedFile) throws {
    let header = try file.storage.withUnsafeBytes { bytes in
      do {
        return try Header(file: bytes)
      } catch let error as ScanError {
        throw FormatError.malformed(file: file.path, reason: "safetensors: \(error.reason)")
      } catch let error as TensorScanError {
        throw FormatError.malformedTensor(file: file.path, tensor: error.tensor, reason: error.reason)
      }
    }
    metadata = header.metadata
    tensors = try NamedTensors(
      header.entries.map { entry in
        let tensor = try Tensor(
          shape: Shape(entry.shape), scalarType: entry.scalarType, storage: file.storage,
          byteOffset: header.dataStart + entry.begin)
        return (entry.name, tensor)
      }, file: file.path)
  }
}

/// An error in one tensor's entry; the caller adds the file.
private struct TensorScanError: Error {
  let tensor: String
  let reason: String
}

/// The header, checked against the size of the file.
private struct Header {
  struct Entry {
    let name: String
    let scalarType: ScalarType
    let shape: [Int]
    let begin: Int
    let end: Int
  }

  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [Entry] = []
  let dataStart: Int

  init(file: UnsafeRawBufferPointer) throws {
    guard file.count >= 8 else {
      throw ScanError(reason: "the file has \(file.count) bytes, which is less than the length of a header")
    }
    let claimed = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard claimed <= UInt64(SafetensorsFile.largestHeader) else {
      throw ScanError(
        reason: "the header claims \(claimed) bytes; \(SafetensorsFile.largestHeader) are allowed")
    }
    let length = Int(claimed)
    guard length <= file.count - 8 else {
      throw ScanError(reason: "the header claims \(length) bytes, but the file ends after \(file.count - 8)")
    }
    dataStart = 8 + length
    guard length > 0, file[8] == UInt8(ascii: "{") else {
      throw ScanError(reason: "the header does not begin with '{'")
    }
    try scan(UnsafeRawBufferPointer(rebasing: file[8..<dataStart]))
    try checkLayout(dataBytes: file.count - dataStart)
  }

  private mutating func scan(_ text: UnsafeRawBufferPointer) throws {
    var scanner = HeaderScanner(text)
    var seen = Set<ExactName>()
    // Local copies: the closure cannot hold `self` while `self` is being changed.
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    try scanner.object { scanner, name in
      guard seen.insert(ExactName(name)).inserted else {
        if name == "__metadata__" { throw ScanError(reason: "'__metadata__' occurs twice") }
        throw TensorScanError(tensor: name, reason: "the name occurs twice")
      }
      if name == "__metadata__" {
        metadata = try Self.metadata(&scanner)
      } else {
        do {
          entries.append(try Self.entry(&scanner, name: name))
        } catch let error as ScanError {
          throw TensorScanError(tensor: name, reason: error.reason)
        }
      }
    }
    if scanner.peek() != nil { throw ScanError(reason: "text follows the header's closing '}'") }
    self.entries = entries
    self.metadata = metadata
  }

  private static func metadata(_ scanner: inout HeaderScanner) throws -> [String: String] {
    // Rust's Option: null is as good as nothing.
    if scanner.peek() == UInt8(ascii: "n") {
      try scanner.word("null")
      return [:]
    }
    var metadata: [String: String] = [:]
    do {
      try scanner.object { scanner, key in
        guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
          throw ScanError(reason: "'\(FormatError.shortened(key))' occurs twice")
        }
      }
    } catch let error as ScanError {
      throw ScanError(reason: "in '__metadata__', \(error.reason)")
    }
    return metadata
  }

  private static func entry(_ scanner: inout HeaderScanner, name: String) throws -> Entry {
    var scalarType: ScalarType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object { scanner, key in
      switch key {
      case "dtype":
        guard scalarType == nil else { throw ScanError(reason: "'dtype' occurs twice") }
        let code = try scanner.string()
        guard let known = ScalarType(safetensorsCode: code) else {
          throw ScanError(reason: "the dtype '\(FormatError.shortened(code))' is not supported")
        }
        scalarType = known
      case "shape":
        guard shape == nil else { throw ScanError(reason: "'shape' occurs twice") }
        shape = try scanner.integers(limit: SafetensorsFile.largestRank)
      case "data_offsets":
        guard offsets == nil else { throw ScanError(reason: "'data_offsets' occurs twice") }
        offsets = try scanner.integers(limit: 2)
      default: try scanner.skipValue()
      }
    }
    guard let scalarType else { throw ScanError(reason: "has no 'dtype'") }
    guard let shape else { throw ScanError(reason: "has no 'shape'") }
    guard let offsets, offsets.count == 2 else { throw ScanError(reason: "has no two 'data_offsets'") }
    let size = Shape(shape).checkedCount?.multipliedReportingOverflow(by: scalarType.byteCount)
    guard let size, !size.overflow else { throw ScanError(reason: "the shape \(shape) is too large") }
    guard offsets[0] <= offsets[1] else {
      throw ScanError(reason: "the offsets \(offsets[0]) and \(offsets[1]) are out of order")
    }
    guard offsets[1] - offsets[0] == size.partialValue else {
      throw ScanError(
        reason: "\(scalarType.shortName) \(Shape(shape)) takes \(size.partialValue) bytes, but the offsets "
          + "\(offsets[0]) and \(offsets[1]) hold \(offsets[1] - offsets[0])")
    }
    return Entry(name: name, scalarType: scalarType, shape: shape, begin: offsets[0], end: offsets[1])
  }

  /// Puts the entries in the order of their elements, which must cover `dataBytes` exactly.
  private mutating func checkLayout(dataBytes: Int) throws {
    // Tensors without elements begin where the next one does; they keep the header's order.
    let order = entries.indices.sorted {
      (entries[$0].begin, entries[$0].end, $0) < (entries[$1].begin, entries[$1].end, $1)
    }
    entries = order.map { entries[$0] }
    var end = 0
    for entry in entries {
      guard entry.end <= dataBytes else {
        throw TensorScanError(
          tensor: entry.name, reason: "ends at byte \(entry.end) of the data, which has \(dataBytes)")
      }
      guard entry.begin >= end else {
        throw TensorScanError(
          tensor: entry.name, reason: "begins at byte \(entry.begin) of the data, inside another tensor")
      }
      guard entry.begin == end else {
        throw TensorScanError(
          tensor: entry.name, reason: "begins at byte \(entry.begin) of the data; nothing covers \(end)")
      }
      end = entry.end
    }
    guard end == dataBytes else {
      throw ScanError(reason: "the tensors cover \(end) bytes of the data, which has \(dataBytes)")
    }
  }
}

extension ScalarType {
  /// The format's name for the type.
  var safetensorsCode: String {
    switch self {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int64: "I64"
    case .int32: "I32"
    case .int16: "I16"
    case .int8: "I8"
    case .uint64: "U64"
    case .uint32: "U32"
    case .uint16: "U16"
    case .uint8: "U8"
    case .bool: "BOOL"
    }
  }

  /// The type of that name in the format, or `nil`.
  init?(safetensorsCode code: String) {
    guard let match = ScalarType.allCases.first(where: { $0.safetensorsCode == code }) else { return nil }
    self = match
  }

  /// The type's rank in the order in which the reference implementation writes tensors.
  var safetensorsRank: Int {
    switch self {
    case .uint64: 12
    case .int64: 11
    case .float64: 10
    case .float32: 9
    case .uint32: 8
    case .int32: 7
    case .bfloat16: 6
    case .float16: 5
    case .uint16: 4
    case .int16: 3
    case .int8: 2
    case .uint8: 1
    case .bool: 0
    }
  }
}
