// CIFARTests.swift: CIFAR as its archives and torchvision leave it: pickles of three protocols, in folders and archives.

import Foundation
import SwiftletCore
import SwiftletData
import SwiftletFormats
import TestSupport
import Testing

/// Writes pickles as Python does.
private struct Pickler {
  enum Style: String, CaseIterable, Sendable {
    /// Python 2's `cPickle` with protocol 2: the published files.
    case python2
    /// Python 3's protocol 2, where byte strings are encoded text.
    case python3Protocol2
    case protocol4
    /// Protocol 5, where an array is made of a buffer.
    case protocol5
  }

  let style: Style
  private(set) var bytes: [UInt8]

  init(_ style: Style) {
    self.style = style
    bytes = [0x80, style == .protocol5 ? 5 : style == .protocol4 ? 4 : 2]
  }

  private var isNew: Bool { style == .protocol4 || style == .protocol5 }

  mutating func op(_ text: String) { bytes += Array(text.utf8) }

  mutating func string(_ value: [UInt8]) {
    switch style {
    case .python2:
      bytes +=
        value.count < 256
        ? [0x55, UInt8(value.count)] + value : [0x54] + littleEndian(Int32(value.count)) + value
    case .python3Protocol2:
      op("c_codecs\nencode\n")
      let text = Array(String(String.UnicodeScalarView(value.map { Unicode.Scalar($0) })).utf8)
      bytes +=
        [0x58] + littleEndian(UInt32(text.count)) + text + [0x58] + littleEndian(UInt32(6))
        + Array("latin1".utf8) + [0x86, 0x52]
    case .protocol4, .protocol5:
      bytes +=
        value.count < 256
        ? [0x43, UInt8(value.count)] + value : [0x42] + littleEndian(UInt32(value.count)) + value
    }
  }

  mutating func text(_ value: String) { string(Array(value.utf8)) }

  mutating func number(_ value: Int) { bytes += [0x4B, UInt8(value)] }

  mutating func name(_ module: String, _ name: String) {
    guard isNew else { return op("c\(module)\n\(name)\n") }
    for word in [module, name] { bytes += [0x8C, UInt8(word.utf8.count)] + Array(word.utf8) + [0x94] }
    bytes += [0x93, 0x94]
  }

  /// The state of a `numpy.dtype` of single bytes.
  private mutating func byteOrder() {
    number(3)
    text("|")
    op("NNN")
    bytes += [0x4A] + littleEndian(Int32(-1)) + [0x4A] + littleEndian(Int32(-1))
    number(0)
    op("tb")
  }

  /// `numpy.ndarray` of `uint8`, `[rows, columns]`.
  mutating func array(_ values: [UInt8], rows: Int, columns: Int) {
    if style == .protocol5 {
      name("numpy._core.numeric", "_frombuffer")
      bytes += [0x28, 0x96] + littleEndian(UInt64(values.count)) + values
      name("numpy", "dtype")
      text("u1")
      bytes += [0x89, 0x88, 0x87, 0x52, 0x28]
      byteOrder()
      bytes += [0x4D] + littleEndian(UInt16(rows)) + [0x4D] + littleEndian(UInt16(columns)) + [0x86]
      text("C")
      op("tR")
      return
    }
    name(style == .python2 ? "numpy.core.multiarray" : "numpy._core.multiarray", "_reconstruct")
    name("numpy", "ndarray")
    number(0)
    bytes += [0x85]
    text("b")
    bytes += [0x87, 0x52, 0x28]
    number(1)
    bytes += [0x4D] + littleEndian(UInt16(rows)) + [0x4D] + littleEndian(UInt16(columns)) + [0x86]
    name("numpy", "dtype")
    bytes += [0x58] + littleEndian(UInt32(2)) + Array("u1".utf8)
    number(0)
    number(1)
    bytes += [0x87, 0x52, 0x28]
    byteOrder()
    bytes += [0x89]
    string(values)
    op("tb")
  }

  mutating func list(_ values: [Int]) {
    op("](")
    for value in values { number(value) }
    op("e")
  }

  mutating func names(_ values: [String]) {
    op("](")
    for value in values { text(value) }
    op("e")
  }
}

@Suite struct CIFARTests {
  private static let tenNames = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  private static func planes(_ start: Int) -> [UInt8] {
    (0..<3072).map { UInt8(truncatingIfNeeded: $0 / 1024 * 50 + $0 % 1024 + start) }
  }

  private static func batch(_ style: Pickler.Style, _ labels: [Int], _ start: Int, key: String) -> [UInt8] {
    var pickler = Pickler(style)
    pickler.op("}(")
    pickler.text("batch_label")
    pickler.text("a batch")
    pickler.text(key)
    pickler.list(labels)
    if key == "fine_labels" {
      pickler.text("coarse_labels")
      pickler.list(labels.map { $0 / 5 })
    }
    pickler.text("data")
    pickler.array(labels.indices.flatMap { planes(start + $0) }, rows: labels.count, columns: 3072)
    pickler.text("filenames")
    pickler.names(labels.map { "image \($0).png" })
    pickler.op("u.")
    return pickler.bytes
  }

  private static func meta(_ style: Pickler.Style, _ key: String, _ names: [String]) -> [UInt8] {
    var pickler = Pickler(style)
    pickler.op("}")
    pickler.text(key)
    pickler.names(names)
    pickler.op("s.")
    return pickler.bytes
  }

  private static func ten(_ style: Pickler.Style) -> [(name: String, content: [UInt8])] {
    let folder = "cifar-10-batches-py/"
    return [
      (folder + "batches.meta", meta(style, "label_names", tenNames)),
      (folder + "readme.html", Array("<html>".utf8)),
    ]
      + (1...5).map { (folder + "data_batch_\($0)", batch(style, Array(0..<$0), 10 * $0, key: "labels")) }
      + [(folder + "test_batch", batch(style, [9, 3], 7, key: "labels"))]
  }

  private static func hundred(_ style: Pickler.Style) -> [(name: String, content: [UInt8])] {
    let folder = "cifar-100-python/"
    return [
      (folder + "meta", meta(style, "fine_label_names", (0..<100).map { "name \($0)" })),
      (folder + "train", batch(style, [0, 42, 99], 1, key: "fine_labels")),
      (folder + "test", batch(style, [5], 2, key: "fine_labels")),
    ]
  }

  @Test(arguments: Pickler.Style.allCases) fileprivate func picklesAreRead(_ style: Pickler.Style) throws {
    try Files.withScratch { root in
      let (ten, hundred) = (Self.ten(style), Self.hundred(style))
      for (name, content) in ten + hundred { try root.write(name, content) }
      try root.write("cifar-10-python.tar.gz", gzip(tarArchive(ten)))
      try root.write("cifar-10-python.zip", zipArchive(ten))
      for path in ["cifar-10-batches-py", "cifar-10-python.tar.gz", "cifar-10-python.zip"] {
        let split = try DatasetSplit.open(path: root.appending(path: path).path, seed: 1)
        let validation = try #require(split.validation)
        #expect(split.training.count == 15 && validation.count == 2 && split.test == nil)
        #expect(split.training.classes == Self.tenNames && validation.label(0) == 9)
        // Record 1 of batch 3 is the fifth.
        #expect(split.training.label(4) == 1 && split.training.name(4).hasSuffix("data_batch_3[1]"))
        let image = try split.training.image(4)
        #expect(image.pixels.prefix(6) == [31, 81, 131, 32, 82, 132])
        #expect(image.pixels[3 * 1023] == UInt8(truncatingIfNeeded: 1023 + 31))
        #expect(try validation.image(1).pixels.prefix(2) == [8, 58])
        #expect(split.notes.notes.contains("CIFAR-10 in Python's files"))
      }
      try root.write("cifar-100-python.tar.gz", gzip(tarArchive(hundred)))
      for path in ["cifar-100-python", "cifar-100-python.tar.gz"] {
        let split = try DatasetSplit.open(path: root.appending(path: path).path, seed: 1)
        #expect(split.training.classes.count == 100 && split.validation?.count == 1)
        #expect((0..<3).map(split.training.label) == [0, 42, 99])
        #expect(try split.training.image(1).pixels.prefix(2) == [2, 52])
      }
    }
  }

  @Test func binaryArchivesAreRead() throws {
    let folder = "cifar-10-batches-bin/"
    let files =
      [(folder + "batches.meta.txt", Array(Self.tenNames.joined(separator: "\n").utf8))]
      + (1...5).map { (folder + "data_batch_\($0).bin", [UInt8($0)] + Self.planes($0)) }
      + [(folder + "test_batch.bin", [9] + Self.planes(0))]
    try Files.withScratch { root in
      try root.write("cifar-10-binary.tar.gz", gzip(tarArchive(files)))
      let split = try DatasetSplit.open(path: root.appending(path: "cifar-10-binary.tar.gz").path, seed: 1)
      #expect(split.training.count == 5 && (0..<5).map(split.training.label) == [1, 2, 3, 4, 5])
      #expect(split.validation?.label(0) == 9)
    }
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/reports"))
  func numpysOwnPicklesAreRead() throws {
    let folder = try #require(Files.shared("reports/data/cifar-10-batches-py"))
    let split = try DatasetSplit.open(path: folder.path, seed: 1)
    #expect(
      split.training.count == 50 && split.validation?.count == 10 && split.training.classes == Self.tenNames)
    #expect((0..<50).map(split.training.label) == (0..<50).map { $0 % 10 })
  }

  @Test func badPicklesAreRefusedInOneLine() throws {
    try Files.withScratch { root in
      func write(_ name: String, _ bytes: [UInt8]) throws {
        try root.write("cifar-10-batches-py/\(name)", bytes)
      }
      for (name, content) in Self.ten(.python2) { try root.write(name, content) }
      let path = "ROOT/cifar-10-batches-py/data_batch_2"
      try write("data_batch_2", Self.batch(.python2, [0, 10], 0, key: "labels"))
      #expect(try refusal(root) == "\(path): record 1 has label 10, not one below 10")
      try write("data_batch_2", Self.meta(.python2, "label_names", []))
      #expect(try refusal(root) == "\(path): it has no array 'data'")
      // A name that Python would import.
      try write("data_batch_2", Array("cos\nsystem\n(S'true'\ntR.".utf8))
      #expect(try refusal(root).contains("os.system"))
      let sound = Self.batch(.protocol4, [0, 1], 0, key: "labels")
      try write("data_batch_2", Array(sound.prefix(sound.count / 2)))
      #expect(try refusal(root).hasPrefix("\(path): "))
      var random = SeededGenerator(seed: 3)
      for style in Pickler.Style.allCases {
        let sound = Self.meta(style, "label_names", Self.tenNames)
        for _ in 0..<400 {
          var bytes = sound
          for _ in 0..<Int.random(in: 1...3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
          }
          try write("batches.meta", bytes)
          _ = try refusal(root)
        }
      }
    }
  }
}
