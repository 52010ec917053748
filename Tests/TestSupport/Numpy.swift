// Numpy.swift: reads the little .npy goldens, independently of the room that writes such files.

import Foundation

/// Reads a `.npy` file of little-endian `f4`, `f8` or `u1` elements in C order.
public func readNumpy(_ url: URL) throws -> (shape: [Int], values: [Double]) {
  struct Malformed: Error { let reason: String }
  let data = try Data(contentsOf: url)
  guard data.count > 10, data.starts(with: [0x93] + Array("NUMPY".utf8)), data[6] == 1 else {
    throw Malformed(reason: "not a version 1 .npy file: \(url.lastPathComponent)")
  }
  let length = Int(data[8]) | Int(data[9]) << 8
  let header = String(decoding: data[10..<(10 + length)], as: UTF8.self)
  let body = Data(data[(10 + length)...])
  guard header.contains("'fortran_order': False"), let open = header.firstIndex(of: "("),
    let close = header[open...].firstIndex(of: ")")
  else { throw Malformed(reason: header) }
  let shape = header[header.index(after: open)..<close].split(separator: ",")
    .compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
  let values: [Double] = try body.withUnsafeBytes { bytes in
    if header.contains("'<f4'") {
      return (0..<(bytes.count / 4)).map {
        Double(Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
    if header.contains("'<f8'") {
      return (0..<(bytes.count / 8)).map {
        Double(bitPattern: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
      }
    }
    if header.contains("'|u1'") { return bytes.map(Double.init) }
    throw Malformed(reason: header)
  }
  guard values.count == shape.reduce(1, *) else {
    throw Malformed(reason: "\(values.count) values for \(shape)")
  }
  return (shape, values)
}
