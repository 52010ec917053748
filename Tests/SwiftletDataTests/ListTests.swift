// ListTests.swift: .csv lists, CIFAR's binary files, subsets and the cache.

import Foundation
import SwiftletCore
import SwiftletData
import TestSupport
import Testing

@Suite struct ListTests {
  @Test func aListIsRead() throws {
    try Files.withScratch { root in
      try root.write("photos/a,b.bmp", bitmap(red: 1))
      try root.write("photos/c.bmp", bitmap(red: 2))
      try root.write(
        "list.csv",
        "\u{FEFF}Path,Class\r\n\"photos/a,b.bmp\",\"say \"\"owl\"\"\"\r\n\r\nphotos/c.bmp , fox\nphotos/c.bmp,fox"
      )
      let set = try CSVList(root.appending(path: "list.csv").path)
      #expect(set.classes == ["fox", "say \"owl\""])
      #expect(set.listing == ["a,b.bmp:say \"owl\"", "c.bmp:fox", "c.bmp:fox"])
      #expect(try (0..<2).map { try set.image($0).pixels[0] } == [1, 2])
    }
  }

  @Test func theThirdColumnSplits() throws {
    try Files.withScratch { root in
      for index in 0..<20 { try root.write("\(index).bmp", bitmap(red: 1)) }
      try root.write("list.csv", "1.bmp,a,train\n2.bmp,b,train\n3.bmp,a,val\n4.bmp,b,\n")
      let split = try DatasetSplit.open(path: root.appending(path: "list.csv").path, seed: 1)
      #expect(split.training.listing == ["1.bmp:a", "2.bmp:b", "4.bmp:b"])
      #expect(split.validation?.listing == ["3.bmp:a"])
      try root.write("list.csv", (0..<20).map { "\($0).bmp,\($0 % 2)\n" }.joined())
      let held = try DatasetSplit.open(path: root.appending(path: "list.csv").path, holdOut: 0.2, seed: 1)
      #expect(held.training.count == 16 && held.validation?.count == 4)
    }
  }

  @Test(arguments: [
    ("1.bmp,a\n2.bmp\n3.bmp,a", "line 2: 1 field where most lines have 2"),
    ("1.bmp,a\n2.bmp,b\n3.bmp,b,train,x\n", "line 3: 4 fields where most lines have 2"),
    ("1.bmp,a\n\n,b\n", "line 3: the path is empty"),
    ("1.bmp,a\n2.bmp,", "line 2: the class is empty"),
    ("1.bmp,a,train\n2.bmp,b,later\n", "line 2: the part 'later' is none of train, val and test"),
    ("1.bmp,a\n2.bmp,b\n1.bmp,b", "line 3: '1.bmp' is listed with two classes, 'a' and 'b'"),
    ("1.bmp,a\n\"2.bmp,b\n3.bmp,b\n", "line 2: a quote is not closed"),
    ("1.bmp,a\n\"2.bmp\"x,b\n", "line 2: something follows the closing quote"),
    ("1.bmp,a\n2\".bmp,b\n", "line 2: a quote inside a field that has none around it"),
    ("1.bmp,a\n2.bmp,a\n", "1 class; at least 2 are needed"),
    ("1.bmp,a\n2.bmp,A\n", "the classes 'A' and 'a' have the same name but for case, spaces or spelling"),
    (
      "1.bmp,a\n2.bmp,b\n3.bmp,c,val\n",
      "line 3: the class 'c' of the validation part is unknown in the training images"
    ),
    ("path,class\n", "no images"),
    (
      "8.bmp,a\n9.bmp,b\n",
      "no column has paths of files that are there (2 lines, such as '8.bmp'); paths are relative to the list's "
        + "folder, or to a folder in it or beside it"
    ),
  ])
  func badListsAreRefused(_ text: String, _ reason: String) throws {
    try Files.withScratch { root in
      for index in 1...3 { try root.write("\(index).bmp", bitmap(red: 1)) }
      try root.write("list.csv", text)
      let line = try refusal(root, "list.csv")
      #expect(line == "ROOT/list.csv: \(reason)")
    }
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    try Files.withScratch { root in
      try root.write("list.csv", Array("1.bmp,a\n".utf8) + [0xFF, 0xFE, 0x2C, 0x62])
      #expect(
        try refusal(root, "list.csv")
          == "ROOT/list.csv: its text is neither UTF-8 nor a western encoding; save it as UTF-8")
      try root.write("list.csv", Array("1.bmp,a\n".utf8) + [0x81, 0x2C, 0x62])
      #expect(
        try refusal(root, "list.csv")
          == "ROOT/list.csv: its text is neither UTF-8 nor Windows-1252; save it as UTF-8")
      try root.write("list.csv", [0x31, 0x2C, 0])
      #expect(try refusal(root, "list.csv") == "ROOT/list.csv: line 1: it has a zero byte")
    }
  }

  /// Lists with a few bytes changed are read or refused in one line; ``refusal(_:_:holdOut:)`` sees to that.
  @Test func damagedListsNeverCrash() throws {
    let sound = Array(
      "path,class,part\r\n\"a\"\"b.bmp\",x,train\n2.bmp,y,val\n\"3\n.bmp\",x\n4.bmp,y,\n5.bmp,x".utf8)
    let bytes = Array("\",\n\r\0 x".utf8) + [0xFF]
    try Files.withScratch { root in
      for name in ["a\"b", "2", "3\n", "4", "5"] { try root.write("\(name).bmp", bitmap(red: 1)) }
      var random = SeededGenerator(seed: 11)
      var refused = 0
      try root.write("list.csv", sound)
      #expect(try refusal(root, "list.csv") == "")
      for _ in 0..<400 {
        var list = sound
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let position = list.indices.randomElement(using: &random) ?? 0
          switch Int.random(in: 0..<3, using: &random) {
          case 0: list[position] = bytes.randomElement(using: &random) ?? 0
          case 1: list.insert(bytes.randomElement(using: &random) ?? 0, at: position)
          default: list.remove(at: position)
          }
        }
        try root.write("list.csv", list)
        if try !refusal(root, "list.csv").isEmpty { refused += 1 }
      }
      #expect(refused > 60 && refused < 390)
    }
  }

  // MARK: CIFAR

  private func record(_ labels: [UInt8], _ start: Int) -> [UInt8] {
    labels + (0..<3072).map { UInt8(truncatingIfNeeded: $0 / 1024 * 50 + $0 % 1024 + start) }
  }

  private static let tenNames = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  @Test func cifar10IsRead() throws {
    try Files.withScratch { root in
      let folder = "cifar-10-batches-bin"
      try root.write("\(folder)/batches.meta.txt", Self.tenNames.joined(separator: "\n") + "\n\n")
      for batch in 1...5 {
        let bytes = (0..<batch).flatMap { record([UInt8($0)], 10 * batch + $0) }
        try root.write("\(folder)/data_batch_\(batch).bin", bytes)
      }
      try root.write("\(folder)/test_batch.bin", record([9], 0))
      for path in [root, root.appending(path: folder)] {
        let split = try DatasetSplit.open(path: path.path, seed: 1)
        #expect(split.training.count == 15 && split.validation?.count == 1)
        #expect(split.training.classes == Self.tenNames && split.validation?.label(0) == 9)
        // Record 1 of batch 3 is the fifth.
        #expect(split.training.label(4) == 1 && split.training.name(4).hasSuffix("data_batch_3.bin[1]"))
        let image = try split.training.image(4)
        #expect(image.width == 32 && image.height == 32)
        #expect(image.pixels.prefix(6) == [31, 81, 131, 32, 82, 132])
        #expect(image.pixels[3 * 1023] == UInt8(truncatingIfNeeded: 1023 + 31))
      }
      try root.write("\(folder)/data_batch_2.bin", [UInt8](repeating: 0, count: 3072))
      #expect(
        try refusal(root)
          == "ROOT/\(folder)/data_batch_2.bin: 3072 bytes are not a number of CIFAR records of 3073 bytes")
      try root.write("\(folder)/data_batch_2.bin", record([10], 0))
      #expect(try refusal(root) == "ROOT/\(folder)/data_batch_2.bin: record 0 has label 10, not one below 10")
      try FileManager.default.removeItem(at: root.appending(path: "\(folder)/data_batch_2.bin"))
      #expect(try refusal(root) == "ROOT/\(folder)/data_batch_2.bin: no such file or folder")
      try root.write("\(folder)/batches.meta.txt", "one\ntwo\n")
      #expect(try refusal(root) == "ROOT/\(folder)/batches.meta.txt: 2 class names, not 10")
    }
  }

  @Test func cifar100HasFineLabels() throws {
    try Files.withScratch { root in
      try root.write("fine_label_names.txt", (0..<100).map { "name \($0)\n" }.joined())
      try root.write("train.bin", (0..<40).flatMap { record([3, UInt8(60 + $0 % 2)], $0) })
      let split = try DatasetSplit.open(path: root.path, holdOut: 0.25, seed: 1)
      #expect(split.training.count == 30 && split.validation?.count == 10)
      #expect(split.training.classes.count == 100 && split.training.label(0) / 2 == 30)
      try root.write("train.bin", record([3], 0))
      #expect(
        try refusal(root).hasSuffix("train.bin: 3073 bytes are not a number of CIFAR records of 3074 bytes"))
    }
  }

  // MARK: Subsets and the cache

  @Test func subsetsPointIntoTheirBase() throws {
    let base = Colors(count: 10)
    let some = try Subset(base, indices: [7, 2, 7])
    #expect(some.listing == ["picture 7:odd", "picture 2:even", "picture 7:odd"])
    #expect(try some.image(1) == base.image(2))
    #expect(throws: DatasetError.outside(index: 10, count: 10)) { try Subset(base, indices: [1, 10]) }
    #expect(throws: DatasetError.outside(index: -1, count: 10)) { try Subset(base, indices: [-1]) }
  }

  @Test func theCacheKeepsPixelsAndErrors() throws {
    let base = Colors(count: 100, broken: [3, 98])
    let cached = try #require(CachedDataset(base, atMost: 98 * 192, threads: 3))
    #expect(cached.count == 100 && cached.classes == base.classes && cached.listing == base.listing)
    for index in 0..<100 where !base.broken.contains(index) {
      #expect(try cached.image(index) == base.image(index))
    }
    #expect(throws: Colors.Broken.self) { try cached.image(3) }
    #expect(CachedDataset(base, atMost: 98 * 192 - 1, threads: 3) == nil)
  }
}
