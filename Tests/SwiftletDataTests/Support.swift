// Support.swift: small pictures and archives that the tests write themselves.

import Foundation
import SwiftletData
import TestSupport
import Testing

/// Little-endian bytes of a number.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// A BMP file of one color, of which every picture of a test may have its own.
func bitmap(width: Int = 4, height: Int = 4, red: UInt8, green: UInt8 = 0, blue: UInt8 = 0) -> [UInt8] {
  let padding = (4 - 3 * width % 4) % 4
  let row = (0..<width).flatMap { _ in [blue, green, red] } + [UInt8](repeating: 0, count: padding)
  let data = (0..<height).flatMap { _ in row }
  let header = littleEndian(UInt32(54 + data.count)) + [0, 0, 0, 0] + littleEndian(UInt32(54))
  let info =
    littleEndian(UInt32(40)) + littleEndian(Int32(width)) + littleEndian(Int32(height))
    + littleEndian(UInt16(1)) + littleEndian(UInt16(24)) + [UInt8](repeating: 0, count: 24)
  return Array("BM".utf8) + header + info + data
}

/// A zip archive of stored entries.
func zipArchive(_ entries: [(name: String, content: [UInt8])]) -> [UInt8] {
  var file: [UInt8] = []
  var directory: [UInt8] = []
  for (entry, content) in entries {
    var sum = UInt32.max
    for byte in content {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xEDB8_8320 }
    }
    let size = littleEndian(UInt32(content.count))
    let described =
      littleEndian(UInt16(20)) + [0, 0, 0, 0, 0, 0, 0x21, 0x50] + littleEndian(~sum) + size + size
      + littleEndian(UInt16(entry.utf8.count)) + [0, 0]
    directory += [0x50, 0x4B, 1, 2, 20, 0] + described + [UInt8](repeating: 0, count: 10)
    directory += littleEndian(UInt32(file.count)) + Array(entry.utf8)
    file += [0x50, 0x4B, 3, 4] + described + Array(entry.utf8) + content
  }
  let count = littleEndian(UInt16(entries.count))
  return file + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count
    + littleEndian(UInt32(directory.count)) + littleEndian(UInt32(file.count)) + [0, 0]
}

extension URL {
  /// Writes a file below this folder, and the folders above it.
  func write(_ path: String, _ bytes: [UInt8]) throws {
    let file = appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

  func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(at: appending(path: path), withIntermediateDirectories: true)
  }
}

/// The error of opening a data set, without the scratch folder's name; empty where there is none.
func refusal(_ folder: URL, _ path: String = "", holdOut: Double = 0.1) throws -> String {
  let full = path.isEmpty ? folder.path : folder.appending(path: path).path
  do {
    _ = try DatasetSplit.open(path: full, holdOut: holdOut, seed: 1)
    return ""
  } catch {
    let line = String(describing: error)
    #expect(line.split(whereSeparator: \.isNewline).count == 1)
    return line.replacingOccurrences(of: folder.path, with: "ROOT")
  }
}

extension Dataset {
  /// File names with classes, in order.
  var listing: [String] {
    (0..<count).map { "\(name($0).split(separator: "/").last ?? ""):\(classes[label($0)])" }
  }
}

/// Pictures of one color each, some of which are broken.
struct Colors: Dataset {
  var classes = ["even", "odd"]
  var count: Int
  var broken: Set<Int> = []
  var side = 8

  struct Broken: Error, CustomStringConvertible {
    let index: Int
    var description: String { "picture \(index): broken on purpose" }
  }

  func name(_ index: Int) -> String { "picture \(index)" }
  func label(_ index: Int) -> Int { index % 2 }
  func image(_ index: Int) throws -> RGBImage {
    if broken.contains(index) { throw Broken(index: index) }
    let pixels = (0..<(3 * side * side)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index &* 13) }
    return try RGBImage(width: side, height: side, pixels: pixels)
  }
}
