// NumpyFile.swift: NumPy's array files, as far as tensors go.
// (NumPy enhancement proposal 1, "A simple file format for NumPy arrays", versions 1.0 to 3.0.)

import SwiftletCore

/// Reads and writes `.npy` files.
package enum NumpyFile {
  /// The largest file that is read: 4 GiB.
  package static let maximumBytes = 4 << 30

  /// Writes a tensor as version 1.0, C order, little-endian; the file is there whole or not at all.
  ///
  /// - Parameters:
  ///   - tensor: of any type but `bfloat16`, which NumPy lacks.
  ///   - path: the file to create or replace.
  /// - Throws: ``VisionError/numpy(file:reason:)`` for a type that the format does not have, and
  ///   `AtomicFileError` where the file cannot be written.
  package static func write(_ tensor: Tensor, to path: String) throws {
    guard let code = typeCodes[tensor.scalarType] else {
      throw VisionError.numpy(file: path, reason: "NumPy has no type for \(tensor.scalarType.rawValue)")
    }
    let sizes = tensor.shape.dimensions.map(String.init).joined(separator: ", ")
    let tuple = tensor.shape.rank == 1 ? "(\(sizes),)" : "(\(sizes))"
    let dictionary = "{'descr': '\(code)', 'fortran_order': False, 'shape': \(tuple), }"
    // The header is padded so that the data begin at a multiple of 64.
    let used = magic.count + 4 + dictionary.utf8.count + 1
    let padding = (64 - used % 64) % 64
    let length = dictionary.utf8.count + padding + 1
    guard length <= Int(UInt16.max) else {
      throw VisionError.numpy(file: path, reason: "a shape of \(tensor.shape.rank) dimensions")
    }
    var header = magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
    header += dictionary.utf8
    header += [UInt8](repeating: 0x20, count: padding)
    header.append(0x0A)
    try AtomicFile.write(to: path) { append in
      try header.withUnsafeBytes(append)
      try tensor.withUnsafeBytes(append)
    }
  }

  /// Reads a tensor of `uint8`, `int64`, `float32` or `float64`, C order, little-endian.
  ///
  /// - Throws: ``VisionError`` naming the file and the cause.
  package static func read(_ path: String) throws -> Tensor {
    do {
      return try decode(try InputFile.read(path, maximumBytes: maximumBytes), name: path)
    } catch InputFile.Failure.tooLarge(let bytes) {
      throw VisionError.numpy(file: path, reason: "\(bytes) bytes are more than the limit of \(maximumBytes)")
    } catch InputFile.Failure.unreadable(let reason) {
      throw VisionError.unreadable(file: path, reason: reason)
    }
  }

  /// Decodes the bytes of a `.npy` file; errors call it `name`.
  package static func decode(_ bytes: [UInt8], name: String) throws -> Tensor {
    func refuse(_ reason: String) -> VisionError { .numpy(file: name, reason: reason) }
    let reader = ByteReader(bytes[...], bigEndian: false)
    guard bytes.starts(with: magic) else { throw refuse("not a NumPy array file") }
    guard let version = reader.uint8(at: 6) else { throw refuse("ends inside the header") }
    guard (1...3).contains(version) else { throw refuse("version \(version) of the format is not known") }
    let lengthBytes = version == 1 ? 2 : 4
    guard let length = version == 1 ? reader.uint16(at: 8) : reader.uint32(at: 8) else {
      throw refuse("ends inside the header")
    }
    let start = 8 + lengthBytes
    guard length <= bytes.count - start else { throw refuse("ends inside the header") }
    guard length <= maximumHeaderBytes else { throw refuse("a header of \(length) bytes") }

    var parser = HeaderParser(bytes[start..<(start + length)])
    guard let header = parser.parse() else { throw refuse("a header that is not understood") }
    guard !header.fortranOrder else { throw refuse("Fortran order is not supported") }
    let types: [String: ScalarType] = [
      "|u1": .uint8, "<u1": .uint8, "<i8": .int64, "<f4": .float32, "<f8": .float64,
    ]
    guard let type = types[header.type] else { throw refuse("type '\(header.type)' is not supported") }
    let shape = Shape(header.shape)
    guard let count = shape.checkedCount else { throw refuse("a shape that is too large") }
    let (size, overflow) = count.multipliedReportingOverflow(by: type.byteCount)
    let available = bytes.count - start - length
    guard !overflow, size == available else {
      throw refuse("shape \(shape) of \(type.rawValue) does not fit the \(available) bytes of data")
    }
    let storage = TensorStorage(byteCount: size) { target in
      bytes.withUnsafeBytes { source in
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[(start + length)...]))
      }
    }
    return try Tensor(shape: shape, scalarType: type, storage: storage)
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let maximumHeaderBytes = 1 << 16
  private static let typeCodes: [ScalarType: String] = [
    .float64: "<f8", .float32: "<f4", .float16: "<f2", .int64: "<i8", .int32: "<i4", .int16: "<i2",
    .int8: "|i1", .uint64: "<u8", .uint32: "<u4", .uint16: "<u2", .uint8: "|u1", .bool: "|b1",
  ]
}

/// The contents of a header.
private struct NumpyHeader {
  var type = ""
  var fortranOrder = false
  var shape: [Int] = []
}

/// Reads the Python dictionary of a header: three keys, each once.
private struct HeaderParser {
  private var rest: ArraySlice<UInt8>

  init(_ text: ArraySlice<UInt8>) { rest = text }

  /// The header, or `nil` where it is anything but the three entries.
  mutating func parse() -> NumpyHeader? {
    var header = NumpyHeader()
    var seen: Set<String> = []
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = string(), seen.insert(key).inserted, take(":") else { return nil }
      switch key {
      case "descr":
        guard let type = string() else { return nil }
        header.type = type
      case "fortran_order":
        if take("True") {
          header.fortranOrder = true
        } else if !take("False") {
          return nil
        }
      case "shape":
        guard let shape = tuple() else { return nil }
        header.shape = shape
      default: return nil
      }
      guard take(",") || rest.first == UInt8(ascii: "}") else { return nil }
    }
    skipSpace()
    return rest.isEmpty && seen.count == 3 ? header : nil
  }

  private mutating func skipSpace() {
    rest = rest.drop { $0 == 0x20 || $0 == 0x0A }
  }

  private mutating func take(_ text: String) -> Bool {
    skipSpace()
    guard rest.starts(with: text.utf8) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  private mutating func string() -> String? {
    for quote in ["'", "\""] where take(quote) {
      guard let end = rest.firstIndex(of: quote.utf8.first ?? 0) else { return nil }
      defer { rest = rest[(end + 1)...] }
      return String(decoding: rest[..<end], as: UTF8.self)
    }
    return nil
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var sizes: [Int] = []
    while !take(")") {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard let size = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
      sizes.append(size)
      guard sizes.count <= 64 else { return nil }
      rest = rest.dropFirst(digits.count)
      guard take(",") || rest.first == UInt8(ascii: ")") else { return nil }
    }
    return sizes
  }
}
