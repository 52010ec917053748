// EventFile.swift: epochs as TensorBoard's event file: scalars in protobuf in TFRecord frames.

import CCRC
import SwiftletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The scalars of a run as TensorBoard reads them.
///
/// A frame is a length, its checksum, a payload and its checksum (TensorFlow's `lib/io/record_writer.h`); a payload is an
/// `Event` (`core/util/event.proto`). Steps are the epoch's last update; wall time is the start of the run and the
/// seconds of its epochs, so that the same records always give the same bytes.
package struct EventFile: Sendable, Equatable {
  /// The end of the names of our event files: only those are ever replaced.
  private static let ending = ".swiftlet"
  private static let beginning = "events.out.tfevents."

  /// When the run began, in whole seconds since 1970.
  package let start: Int
  /// The machine's name, as the file's name has it.
  package let host: String

  /// An event file of a run.
  ///
  /// - Parameters:
  ///   - start: the start of the run, in seconds since 1970.
  ///   - host: the machine's name. Characters that do not belong in a file name become `-`.
  package init(start: Int, host: String) {
    self.start = start
    let name = host.unicodeScalars.prefix(64).map { scalar -> Character in
      let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      return isPlain || scalar == "-" || scalar == "_" ? Character(scalar) : "-"
    }
    self.host = name.isEmpty ? "host" : String(name)
  }

  /// `events.out.tfevents.<seconds>.<host>.swiftlet`.
  package var name: String { "\(Self.beginning)\(start).\(host)\(Self.ending)" }

  /// The one that a folder has, or a new one that begins now.
  static func inFolder(_ path: String) throws -> EventFile {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw RunFolderError.unreadable(path: path, reason: "the folder cannot be listed")
    }
    for name in names where name.hasPrefix(beginning) && name.hasSuffix(ending) {
      let middle = name.dropFirst(beginning.count).dropLast(ending.count)
      let parts = middle.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let start = Int(parts[0]) else { continue }
      let file = EventFile(start: start, host: String(parts[1]))
      if file.name == name { return file }
    }
    return EventFile(start: time(nil), host: ProcessInfo.processInfo.hostName)
  }

  /// The whole file.
  ///
  /// - Parameters:
  ///   - records: the epochs from the first on, in order.
  ///   - curve: points of the curves over steps, in order; those of an epoch that has no record yet are left out.
  package func bytes(_ records: [EpochRecord], curve: [StepPoint] = []) -> [UInt8] {
    var wall = Double(start)
    var version = ProtocolBuffer()
    version.double(wall, field: 1)
    version.bytes(Array("brain.Event:2".utf8), field: 3)
    var result = Self.frame(version.bytes)
    var (points, done) = (curve[...], 0)
    for record in records {
      let length = record.trainingSeconds.isFinite ? record.trainingSeconds : 0
      while let point = points.first, point.step <= record.step {
        // At the time of its step, if all steps of an epoch take as long.
        let share = Double(point.step - done) / Double(max(record.step - done, 1))
        for (tag, value) in [("step/loss", point.loss), ("step/learning_rate", point.learningRate)] {
          result += Self.frame(
            Self.event(wall: wall + share * length, step: point.step, tag: tag, value: value))
        }
        points = points.dropFirst()
      }
      done = record.step
      for seconds in [record.trainingSeconds, record.validationSeconds] where seconds.isFinite {
        wall += seconds
      }
      for (tag, value) in Self.scalars(record) {
        result += Self.frame(Self.event(wall: wall, step: record.step, tag: tag, value: value))
      }
    }
    return result
  }

  /// Appends the new events where the file holds the first ones, and replaces the file otherwise.
  func write(_ records: [EpochRecord], curve: [StepPoint], folder: RunFolder) throws {
    let all = bytes(records, curve: curve)
    // A file that a killed run left half-written is a beginning too: the rest completes it.
    if let old = try RunFolder.read(folder.file(name)), !old.isEmpty, all.starts(with: old) {
      try Self.append(Array(all[old.count...]), to: folder.file(name))
    } else {
      try folder.write(all, to: name)
    }
  }

  private static func append(_ bytes: [UInt8], to path: String) throws {
    func failed(_ code: Int32) -> AtomicFileError {
      .failed(path: path, reason: String(cString: strerror(code)))
    }
    guard !bytes.isEmpty else { return }
    guard let file = fopen(path, "ab") else { throw failed(errno) }
    let written = fwrite(bytes, 1, bytes.count, file)
    let code = errno
    guard fclose(file) == 0 else { throw failed(errno) }
    guard written == bytes.count else { throw failed(code) }
  }

  private static func scalars(_ record: EpochRecord) -> [(tag: String, value: Double)] {
    let all: [(String, Double?)] =
      [
        ("training/loss", record.trainingLoss),
        ("training/accuracy", record.trainingAccuracy),
        ("validation/loss", record.validationLoss),
        ("validation/accuracy", record.validationAccuracy),
        ("validation/top5", record.validationTop5),
      ] + (record.metrics ?? [:]).sorted { $0.key < $1.key }.map { ("validation/\($0.key)", $0.value) } + [
        ("learning_rate", record.learningRate),
        ("images_per_second", record.imagesPerSecond),
        ("waiting_share", record.waitingShare),
        ("epoch", Double(record.epoch)),
      ]
    return all.compactMap { tag, value in value.map { (tag, $0) } }
  }

  /// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }`.
  private static func event(wall: Double, step: Int, tag: String, value: Double) -> [UInt8] {
    var scalar = ProtocolBuffer()
    scalar.bytes(Array(tag.utf8), field: 1)
    scalar.float(Float(value), field: 2)
    var summary = ProtocolBuffer()
    summary.bytes(scalar.bytes, field: 1)
    var event = ProtocolBuffer()
    event.double(wall, field: 1)
    event.integer(step, field: 2)
    event.bytes(summary.bytes, field: 5)
    return event.bytes
  }

  private static func frame(_ payload: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(payload.count))
    return length + littleEndian(maskedChecksum(length)) + payload + littleEndian(maskedChecksum(payload))
  }

  /// CRC-32C. The library's function inverts neither its argument nor its result.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var copy = bytes  // The library takes a mutable pointer, and a count of 32 bits.
    var value = UInt32.max
    copy.withUnsafeMutableBufferPointer { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let part = UnsafeMutableBufferPointer(rebasing: rest.prefix(1 << 30))
        value = crc32_iscsi(part.baseAddress, Int32(part.count), value)
        rest = rest.dropFirst(part.count)
      }
    }
    return ~value
  }

  /// Rotated and shifted by a constant, so that the checksum of data that holds checksums stays sound.
  private static func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
    let value = checksum(bytes)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }
}

/// The little of protobuf's wire format that events need.
private struct ProtocolBuffer {
  private(set) var bytes: [UInt8] = []

  mutating func double(_ value: Double, field: Int) {
    varint(UInt64(field << 3 | 1))
    bytes += littleEndian(value.bitPattern)
  }

  mutating func float(_ value: Float, field: Int) {
    varint(UInt64(field << 3 | 5))
    bytes += littleEndian(value.bitPattern)
  }

  mutating func integer(_ value: Int, field: Int) {
    varint(UInt64(field << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func bytes(_ value: [UInt8], field: Int) {
    varint(UInt64(field << 3 | 2))
    varint(UInt64(value.count))
    bytes += value
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
