// EventFileTests.swift: event files, read back by a reader that shares nothing with the writer.

import Foundation
import SwiftletTraining
import TestSupport
import Testing

/// A reader of event files after TensorFlow's description, with a checksum of its own, bit by bit.
private struct EventReader {
  struct Malformed: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
  struct Scalar: Equatable {
    var wall: Double, step: Int64, tag: String, value: Float
  }

  var version: String?
  var scalars: [Scalar] = []

  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }
    return ~value
  }

  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let value = checksum(bytes)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }

  static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Field number → its values; a varint or a fixed number, or bytes.
  enum Field { case number(UInt64), bytes(ArraySlice<UInt8>) }

  static func message(_ bytes: ArraySlice<UInt8>) throws -> [(Int, Field)] {
    var rest = bytes
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      throw Malformed("varint")
    }
    func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard rest.count >= count else { throw Malformed("length") }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    var fields: [(Int, Field)] = []
    while !rest.isEmpty {
      let key = try varint()
      switch key & 7 {
      case 0: fields.append((Int(key >> 3), .number(try varint())))
      case 1: fields.append((Int(key >> 3), .number(integer(try take(8)))))
      case 2: fields.append((Int(key >> 3), .bytes(try take(Int(try varint())))))
      case 5: fields.append((Int(key >> 3), .number(integer(try take(4)))))
      default: throw Malformed("wire type \(key & 7)")
      }
    }
    return fields
  }

  init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 12 else { throw Malformed("\(rest.count) bytes at the end") }
      let head = rest.prefix(8)
      let length = Int(Self.integer(head))
      guard Self.integer(rest.dropFirst(8).prefix(4)) == UInt64(Self.masked(head)) else {
        throw Malformed("checksum of a length")
      }
      guard rest.count >= 16 + length else { throw Malformed("payload is cut off") }
      let payload = rest.dropFirst(12).prefix(length)
      guard Self.integer(rest.dropFirst(12 + length).prefix(4)) == UInt64(Self.masked(payload)) else {
        throw Malformed("checksum of a payload")
      }
      rest = rest.dropFirst(16 + length)
      try event(payload)
    }
  }

  private mutating func event(_ payload: ArraySlice<UInt8>) throws {
    var scalar = Scalar(wall: 0, step: 0, tag: "", value: 0)
    for case (let number, let field) in try Self.message(payload) {
      switch (number, field) {
      case (1, .number(let bits)): scalar.wall = Double(bitPattern: bits)
      case (2, .number(let step)): scalar.step = Int64(bitPattern: step)
      case (3, .bytes(let text)):
        guard scalars.isEmpty, version == nil else { throw Malformed("version is not first") }
        version = String(decoding: text, as: UTF8.self)
      case (5, .bytes(let summary)):
        for case (1, .bytes(let value)) in try Self.message(summary) {
          for field in try Self.message(value) {
            switch field {
            case (1, .bytes(let tag)): scalar.tag = String(decoding: tag, as: UTF8.self)
            case (2, .number(let bits)): scalar.value = Float(bitPattern: UInt32(bits))
            default: throw Malformed("value field \(field.0)")
            }
          }
          scalars.append(scalar)
        }
      default: throw Malformed("event field \(number)")
      }
    }
  }
}

@Suite struct EventFileTests {
  private func read(_ run: RunFolder) throws -> EventReader {
    let names = try FileManager.default.contentsOfDirectory(atPath: run.path).filter {
      $0.contains("tfevents")
    }
    #expect(names.count == 1)
    return try EventReader([UInt8](Data(contentsOf: URL(filePath: run.file(try #require(names.first))))))
  }

  @Test func theReadersOwnChecksumIsTheStandardOne() {
    #expect(EventReader.checksum("123456789".utf8) == 0xE306_9283)
  }

  @Test func everyScalarComesBack() throws {
    let file = EventFile(start: 1_700_000_000, host: "a b/ö")
    #expect(file.name == "events.out.tfevents.1700000000.a-b--.swiftlet")
    var records = sampleRecords(4)
    records[1].trainingLoss = .nan
    let reader = try EventReader(file.bytes(records))
    #expect(reader.version == "brain.Event:2")
    #expect(reader.scalars.count == 3 * 9 + 6)  // The fourth epoch has no validation.
    #expect(
      Set(reader.scalars.map(\.tag)) == [
        "training/loss", "training/accuracy", "validation/loss", "validation/accuracy", "validation/top5",
        "learning_rate", "images_per_second", "waiting_share", "epoch",
      ])
    let rates = reader.scalars.filter { $0.tag == "learning_rate" }
    #expect(rates.map(\.step) == [390, 780, 1170, 1560])
    #expect(rates.map(\.value) == records.map { Float($0.learningRate) })
    #expect(rates.map(\.wall) == (1...4).map { 1_700_000_000 + 65.75 * Double($0) })
    #expect(reader.scalars.filter { $0.tag == "training/loss" }[1].value.isNaN)
    #expect(try EventReader(file.bytes([])).scalars.isEmpty)
  }

  /// Points lie between the epochs in step and in time; a point of an unfinished epoch waits for it.
  @Test func pointsOverStepsComeBack() throws {
    let file = EventFile(start: 1_700_000_000, host: "host")
    let records = sampleRecords(2)
    let curve = [39, 390, 585, 781].map { StepPoint(step: $0, loss: Double($0) / 4, learningRate: 0.5) }
    let reader = try EventReader(file.bytes(records, curve: curve))
    #expect(reader.scalars.count == 2 * 9 + 3 * 2)
    let losses = reader.scalars.filter { $0.tag == "step/loss" }
    #expect(losses.map(\.step) == [39, 390, 585] && losses.map(\.value) == [9.75, 97.5, 146.25])
    #expect(reader.scalars.filter { $0.tag == "step/learning_rate" }.map(\.value) == [0.5, 0.5, 0.5])
    let length = records[0].trainingSeconds
    #expect(abs(losses[0].wall - 1_700_000_000 - 0.1 * length) < 1e-6)
    #expect(abs(losses[2].wall - 1_700_000_065.75 - 0.5 * length) < 1e-6)
    #expect(zip(reader.scalars, reader.scalars.dropFirst()).allSatisfy { $0.wall <= $1.wall })
    // More epochs append: the first bytes stay.
    let (first, all) = (file.bytes(records, curve: curve), file.bytes(sampleRecords(3), curve: curve))
    #expect(file.bytes(Array(sampleRecords(3).prefix(2)), curve: curve).count == first.count)
    #expect(all.starts(with: file.bytes(Array(sampleRecords(3).prefix(2)), curve: curve)))
    #expect(try EventReader(all).scalars.filter { $0.tag == "step/loss" }.map(\.step) == [39, 390, 585, 781])
  }

  @Test func aRunKeepsOneFileAndAppends() throws {
    try Files.withScratch { folder in
      let run = try RunFolder(folder.path)
      let records = sampleRecords(6)
      try run.writeEvents(Array(records.prefix(2)))
      let name = try #require(FileManager.default.contentsOfDirectory(atPath: run.path).first)
      func inode() throws -> UInt64 {
        let attributes = try FileManager.default.attributesOfItem(atPath: run.file(name))
        return try #require(attributes[.systemFileNumber] as? NSNumber).uint64Value
      }
      let first = try inode()
      // A program that watches the file keeps it open: more epochs must go into the same one.
      try run.writeEvents(records)
      #expect(try read(run).scalars.count == 5 * 9 + 6)
      #expect(try inode() == first)
      // Half a frame, as a killed run leaves it, is completed.
      let handle = try #require(FileHandle(forWritingAtPath: run.file(name)))
      try handle.truncate(atOffset: 100)
      try handle.close()
      try run.writeEvents(records)
      #expect(try read(run).scalars.count == 5 * 9 + 6)
      // A run that goes back has one history, not two.
      try run.writeEvents(Array(records.prefix(3)))
      #expect(try read(run).scalars.map(\.step).max() == 1170)
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path) == [name])
    }
  }

  @Test func filesOfOthersAreLeftAlone() throws {
    try Files.withScratch { folder in
      let run = try RunFolder(folder.path)
      let other = run.file("events.out.tfevents.1.other")
      try "other".write(toFile: other, atomically: true, encoding: .utf8)
      try run.writeEvents(sampleRecords(1))
      #expect(try String(contentsOfFile: other, encoding: .utf8) == "other")
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path).count == 2)
    }
  }
}
