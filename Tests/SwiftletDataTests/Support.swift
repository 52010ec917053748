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

/// A tar archive (ustar).
func tarArchive(_ entries: [(name: String, content: [UInt8])]) -> [UInt8] {
  var file: [UInt8] = []
  func field(_ text: String, _ size: Int) -> [UInt8] {
    Array(text.utf8.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - text.utf8.count))
  }
  func octal(_ number: Int, _ size: Int) -> [UInt8] {
    let digits = String(number, radix: 8)
    return field(String(repeating: "0", count: size - 1 - digits.count) + digits, size)
  }
  for (name, content) in entries {
    var header =
      field(name, 100) + octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(content.count, 12) + octal(0, 12)
      + Array("        0".utf8) + field("", 100) + Array("ustar\u{0}00".utf8)
    header += [UInt8](repeating: 0, count: 512 - header.count)
    header.replaceSubrange(148..<156, with: octal(header.reduce(0) { $0 + Int($1) }, 7) + [32])
    file += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }
  return file + [UInt8](repeating: 0, count: 1024)
}

/// A gzip file of stored blocks.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
  var position = 0
  repeat {
    let piece = bytes[position..<min(position + 65_535, bytes.count)]
    position += piece.count
    let size = UInt16(piece.count)
    file += [position == bytes.count ? 1 : 0] + littleEndian(size) + littleEndian(~size) + piece
  } while position < bytes.count
  var table = [UInt32](repeating: 0, count: 256)
  for index in 0..<256 {
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
    table[index] = value
  }
  let sum = bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 255)] ^ $0 >> 8 }
  return file + littleEndian(~sum) + littleEndian(UInt32(bytes.count))
}
