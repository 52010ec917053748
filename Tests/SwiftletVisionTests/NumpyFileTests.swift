// NumpyFileTests.swift: .npy files, written by NumPy and by us.

import Foundation
import SwiftletCore
import SwiftletVision
import TestSupport
import Testing

@Suite struct NumpyFileTests {
  @Test func readsWhatNumPyWrites() throws {
    let single = try Golden.array("arrays/float32.npy")
    #expect(single.shape == [2, 3, 4] && single.scalarType == .float32)
    #expect(single.floats() == (0..<24).map { Float($0) / 7 - 1 })
    let double = try Golden.array("arrays/float64.npy")
    #expect(double.shape == [5] && double.doubles() == (0..<5).map { Double($0) / 3 })
    let integers = try Golden.array("arrays/int64.npy")
    #expect(integers.scalarType == .int64 && integers.doubles() == [-1, 0, 0x1p40])
    let bytes = try Golden.array("arrays/uint8.npy")
    #expect(bytes.shape == [3, 2] && bytes.bytes == [0, 1, 2, 3, 4, 5])
    let scalar = try Golden.array("arrays/scalar.npy")
    #expect(scalar.shape == [] && scalar.floats() == [2.5])
    let empty = try Golden.array("arrays/empty.npy")
    #expect(empty.shape == [0, 4] && empty.floats() == [])
    #expect(try Golden.array("arrays/version2.npy").floats() == [0, 1, 2, 3])
  }

  @Test func writesWhatNumPyWrites() throws {
    try Files.withScratch { folder in
      for name in ["float32", "float64", "int64", "uint8", "scalar", "empty"] {
        let path = folder.appending(path: name).path
        try NumpyFile.write(Golden.array("arrays/\(name).npy"), to: path)
        let problem = difference(
          [UInt8](try Data(contentsOf: URL(filePath: path))), try Golden.bytes("arrays/\(name).npy"))
        #expect(problem == nil, "\(name)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 6)
    }
  }

  @Test func kindsThatAreNotReadAreNamed() throws {
    let reasons = [
      "fortran": "Fortran order is not supported", "int16": "type '<i2' is not supported",
      "big_endian": "type '>f4' is not supported",
    ]
    for (name, reason) in reasons {
      let path = Files.golden("vision/arrays/\(name).npy").path
      #expect(throws: VisionError.numpy(file: path, reason: reason)) { try NumpyFile.read(path) }
    }
    #expect(throws: VisionError.numpy(file: "x", reason: "NumPy has no type for bfloat16")) {
      let storage = TensorStorage(byteCount: 2) { _ in }
      try NumpyFile.write(Tensor(shape: [1], scalarType: .bfloat16, storage: storage), to: "x")
    }
    #expect(throws: VisionError.unreadable(file: "/nowhere", reason: "no such file")) {
      try NumpyFile.read("/nowhere")
    }
  }

  private func file(_ dictionary: String, data: [UInt8] = []) -> [UInt8] {
    let length = dictionary.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
      + Array(dictionary.utf8) + data
  }

  @Test func damagedFilesAreNamed() throws {
    let good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }"
    #expect(try NumpyFile.decode(file(good, data: [7, 8]), name: "x").bytes == [7, 8])
    let compact = "{\"shape\":(1,2),\"fortran_order\":False,\"descr\":\"|u1\"}"
    #expect(try NumpyFile.decode(file(compact, data: [7, 8]), name: "x").shape == [1, 2])
    let bad: [[UInt8]] = [
      [], [0x93], Array("PK\u{3}\u{4}".utf8), Array(file(good).prefix(7)), Array(file(good).prefix(9)),
      Array(file(good).prefix(40)), file(good), file(good, data: [1]), file(good, data: [1, 2, 3]),
      file(""), file("{"), file("{}"), file("{'descr': '|u1'}"), file("{'descr'}"), file("{'descr': '|u1"),
      file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"),
      file("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': ()}", data: [1]),
      file("{'descr': '|u1', 'fortran_order': Maybe, 'shape': ()}", data: [1]),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (1}", data: [1]),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}"),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
      file("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
      file("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}"),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} rest", data: [1]),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}", data: [1]),
      file("{'descr': '|u1', 'fortran_order': False, 'shape': (\(String(repeating: "1, ", count: 99)))}"),
      [0x93] + Array("NUMPY".utf8) + [9, 0, 4, 0, 1, 2, 3, 4],
      [0x93] + Array("NUMPY".utf8) + [2, 0, 255, 255, 255, 255, 1],
    ]
    for bytes in bad {
      let error = #expect(throws: VisionError.self) { try NumpyFile.decode(bytes, name: "array.npy") }
      let found = try #require(error)
      #expect(isOneLine(found, naming: "array.npy: "), "\(found)")
    }
  }
}
