// Crafting.swift: files made byte by byte, for the ones that no program would write.

import Foundation
import SwiftletCore
import TestSupport
import Testing

import SwiftletFormats

/// Little-endian bytes of a number.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// A safetensors file of a header and data.
func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
  littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 7, count: data)
}

/// A zip archive of stored entries, whose directory may lie.
struct ZipMaker {
  struct Entry {
    var name: String
    var content: [UInt8]
    /// What the directory claims in place of the truth.
    var size: UInt32?
    var packedSize: UInt32?
    var method: UInt16 = 0
    var flags: UInt16 = 0
    var checksum: UInt32?
    /// Take the place of another entry's bytes.
    var offset: UInt32?
  }

  var entries: [Entry] = []
  /// What a Zip64 end record claims; none is written where this is `nil`.
  var longCount: UInt64?

  mutating func add(_ name: String, _ content: [UInt8]) {
    entries.append(Entry(name: name, content: content))
  }

  func bytes() -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = UInt32(file.count)
      let name = Array(entry.name.utf8)
      let described =
        littleEndian(UInt16(20)) + littleEndian(entry.flags) + littleEndian(entry.method)
        + [0, 0, 0x21, 0x50] + littleEndian(entry.checksum ?? checksum(entry.content))
        + littleEndian(entry.packedSize ?? UInt32(entry.content.count))
        + littleEndian(entry.size ?? UInt32(entry.content.count))
        + littleEndian(UInt16(name.count)) + [0, 0]
      file += [0x50, 0x4B, 3, 4] + described + name + entry.content
      directory += [0x50, 0x4B, 1, 2, 20, 0] + described + [UInt8](repeating: 0, count: 10)
      directory += littleEndian(entry.offset ?? offset) + name
    }
    let start = file.count
    file += directory
    if let longCount {
      let record = file.count
      file += [0x50, 0x4B, 6, 6] + littleEndian(UInt64(44)) + [45, 0, 45, 0]
      file += [UInt8](repeating: 0, count: 8) + littleEndian(longCount) + littleEndian(longCount)
      file += littleEndian(UInt64(directory.count)) + littleEndian(UInt64(start))
      file += [0x50, 0x4B, 6, 7, 0, 0, 0, 0] + littleEndian(UInt64(record)) + [1, 0, 0, 0]
    }
    let count = longCount == nil ? UInt16(entries.count) : 0xFFFF
    file += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + littleEndian(count) + littleEndian(count)
    file += longCount == nil ? littleEndian(UInt32(directory.count)) : [255, 255, 255, 255]
    file += longCount == nil ? littleEndian(UInt32(start)) : [255, 255, 255, 255]
    return file + [0, 0]
  }

  /// CRC-32 as zip has it.
  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xEDB8_8320 }
    }
    return ~sum
  }
}

/// A pickle, opcode by opcode.
struct PickleMaker {
  var bytes: [UInt8] = [0x80, 2]

  /// Appends opcodes as they are.
  func op(_ opcodes: String) -> PickleMaker { raw(Array(opcodes.utf8)) }

  func raw(_ bytes: [UInt8]) -> PickleMaker {
    var copy = self
    copy.bytes += bytes
    return copy
  }

  func text(_ text: String) -> PickleMaker {
    op("X").raw(littleEndian(UInt32(text.utf8.count)) + Array(text.utf8))
  }

  func integer(_ number: Int) -> PickleMaker { raw([0x8A, 8] + littleEndian(Int64(number))) }

  func global(_ module: String, _ name: String) -> PickleMaker { op("c\(module)\n\(name)\n") }

  func tuple(_ numbers: [Int]) -> PickleMaker {
    numbers.reduce(op("(")) { $0.integer($1) }.op("t")
  }

  /// The storage `key` of `count` elements.
  func storage(_ key: String = "0", type: String = "FloatStorage", count: Int) -> PickleMaker {
    op("(").text("storage").global("torch", type).text(key).text("cpu").integer(count).op("tQ")
  }

  /// A tensor over that storage.
  func tensor(
    _ sizes: [Int], strides: [Int], offset: Int = 0, type: String = "FloatStorage", count: Int
  ) -> PickleMaker {
    global("torch._utils", "_rebuild_tensor_v2").op("(").storage(type: type, count: count).integer(offset)
      .tuple(sizes).tuple(strides).raw([0x89]).global("collections", "OrderedDict").op(")RtR")
  }

  /// `{name: value}`, closed by STOP.
  static func dictionary(_ name: String = "weight", _ value: (PickleMaker) -> PickleMaker) -> [UInt8] {
    value(PickleMaker().op("}").text(name)).op("s.").bytes
  }
}

/// A checkpoint in the zip form: a pickle, and one storage of that many floats.
func checkpoint(_ pickle: [UInt8], floats: Int = 0, byteOrder: String? = nil) -> [UInt8] {
  var zip = ZipMaker()
  zip.add("archive/data.pkl", pickle)
  if let byteOrder { zip.add("archive/byteorder", Array(byteOrder.utf8)) }
  let data = (0..<floats).flatMap { littleEndian(Float($0).bitPattern) }
  zip.add("archive/data/0", data)
  return zip.bytes()
}

/// Writes `bytes` to a scratch file and returns what `read` throws, as its one line without the folder; empty
/// where it throws nothing.
func refusal<Result>(
  _ bytes: [UInt8], named name: String = "file", _ read: (String) throws -> Result
) throws -> String {
  try Files.withScratch { folder in
    let path = folder.appending(path: name).path
    try Data(bytes).write(to: URL(filePath: path))
    return message(under: folder) { try read(path) }
  }
}

/// What `body` throws, as its line without the folder; empty where it throws nothing.
func message<Result>(under folder: URL, _ body: () throws -> Result) -> String {
  message(under: folder.path, body).replacing(folder.path + "/", with: "")
}

/// What `body` throws, as its line, which must begin with `start`; empty where it throws nothing.
func message<Result>(under start: String, _ body: () throws -> Result) -> String {
  do {
    _ = try body()
    return ""
  } catch let error as any Error & CustomStringConvertible {
    let line = error.description
    let isOurs = error is FormatError || error is AtomicFileError
    let isOneLine = !line.contains(where: \.isNewline) && line.utf8.count < 2000
    if !isOurs || !isOneLine || !line.hasPrefix(start) {
      Issue.record("not one line that names the file: \(type(of: error)) \(line)")
    }
    return line
  } catch {
    Issue.record("an error without a description: \(error)")
    return ""
  }
}

/// Reads a checkpoint of these bytes and returns its refusal.
func checkpointRefusal(_ bytes: [UInt8]) throws -> String {
  try refusal(bytes, named: "net.pth") { try PyTorchCheckpoint(contentsOf: $0) }
}
