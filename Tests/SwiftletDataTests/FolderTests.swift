// FolderTests.swift: photographs in folders and in archives, and what is refused of them.

import Foundation
import SwiftletData
import TestSupport
import Testing

@Suite struct FolderTests {
  @Test func classesAreFolders() throws {
    try Files.withScratch { root in
      for (name, red) in [("b/2.bmp", 1), ("b/10.bmp", 2), ("a/deep/er/x.PNG", 3), ("a/y.bmp", 4)] {
        try root.write(name, bitmap(red: UInt8(red)))
      }
      try root.write("b/notes.txt", "no image")
      try root.write("b/.hidden.bmp", bitmap(red: 9))
      try root.write("loose.bmp", bitmap(red: 9))
      let set = try ImageFolder(root.path)
      #expect(set.classes == ["a", "b"])
      #expect(set.listing == ["x.PNG:a", "y.bmp:a", "10.bmp:b", "2.bmp:b"])
      #expect(try (0..<4).map { try set.image($0).pixels[0] } == [3, 4, 2, 1])
      #expect(set.name(0) == root.appending(path: "a/deep/er/x.PNG").path)
    }
  }

  @Test(arguments: ["val", "valid", "validation", "test"])
  func splitFoldersAreUsed(_ name: String) throws {
    try Files.withScratch { root in
      for file in ["train/a/1.bmp", "train/b/1.bmp", "train/c/1.bmp", "\(name)/b/2.bmp"] {
        try root.write(file, bitmap(red: 1))
      }
      let split = try DatasetSplit.open(path: root.path, seed: 1)
      #expect(split.training.listing == ["1.bmp:a", "1.bmp:b", "1.bmp:c"])
      let validation = try #require(split.validation)
      #expect(validation.classes == ["a", "b", "c"] && validation.listing == ["2.bmp:b"])
    }
  }

  @Test func aShareOfEachClassIsHeldOut() throws {
    try Files.withScratch { root in
      for index in 0..<40 { try root.write("a/\(index).bmp", bitmap(red: 1)) }
      for index in 0..<10 { try root.write("b/\(index).bmp", bitmap(red: 1)) }
      try root.write("c/only.bmp", bitmap(red: 1))
      func split(_ seed: UInt64, _ share: Double = 0.2) throws -> (Set<String>, Set<String>) {
        let split = try DatasetSplit.open(path: root.path, holdOut: share, seed: seed)
        let training = (0..<split.training.count).map(split.training.name)
        let held = split.validation.map { held in (0..<held.count).map(held.name) } ?? []
        #expect(training == training.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        return (Set(training), Set(held))
      }
      let (training, held) = try split(1)
      #expect(training.count == 41 && held.count == 10 && training.isDisjoint(with: held))
      #expect(held.filter { $0.contains("/a/") }.count == 8 && held.filter { $0.contains("/b/") }.count == 2)
      #expect(try split(1) == (training, held))
      #expect(try split(2).1 != held)
      #expect(try split(1, 0).1.isEmpty)
      #expect(try split(1, 0.001).1.count == 2)
      #expect(try split(1, 0.999).0.count == 3)
      #expect(try refusal(root, holdOut: 1) == "data set: a held-out share of 1.0 is not in 0..<1")
      #expect(try refusal(root, holdOut: .nan).hasPrefix("data set: a held-out share"))
    }
  }

  @Test func classesMayBeInTheNames() throws {
    try Files.withScratch { root in
      for file in ["red_fox_1.bmp", "owl_2.bmp", "owl_1.bmp", "red_2.bmp", "red_1.bmp"] {
        try root.write(file, bitmap(red: 1))
      }
      try root.makeFolder("annotations")
      try root.write("owl_1.xml", "<x/>")
      let set = try ImageFolder(root.path)
      #expect(set.classes == ["owl", "red", "red_fox"])
      #expect(
        set.listing
          == ["owl_1.bmp:owl", "owl_2.bmp:owl", "red_1.bmp:red", "red_2.bmp:red", "red_fox_1.bmp:red_fox"])
      try root.write("owl.bmp", bitmap(red: 1))
      #expect(
        try refusal(root)
          == "ROOT: no class folders, and the names of the files do not all begin with a class, as in "
          + "beagle_12.jpg: put the images of each class into a folder of its own, or write a list of path,class"
      )
    }
  }

  @Test func linksThatLeadBackEnd() throws {
    try Files.withScratch { root in
      try root.write("a/1.bmp", bitmap(red: 1))
      try root.write("b/1.bmp", bitmap(red: 1))
      let manager = FileManager.default
      for (link, target) in [("a/up", ".."), ("a/self", "."), ("b/round", "../b"), ("b/gone.bmp", "nowhere")]
      {
        try manager.createSymbolicLink(
          atPath: root.appending(path: link).path, withDestinationPath: target)
      }
      let set = try ImageFolder(root.path)
      #expect(set.listing == ["1.bmp:a", "1.bmp:b"])
      let split = try DatasetSplit.open(path: root.path, seed: 1)
      #expect(split.notes.remarks == ["left out: 1 file that cannot be read (b/gone.bmp)"])
    }
  }

  @Test func badFoldersAreRefusedInOneLine() throws {
    try Files.withScratch { root in
      #expect(try refusal(root, "none") == "ROOT/none: no such file or folder")
      #expect(try refusal(root) == "ROOT: no images")
      try root.write("one/1.bmp", bitmap(red: 1))
      #expect(
        try refusal(root)
          == "ROOT: no class folders, only the folder 'one'; at least 2 classes are needed: put the images of each "
          + "class into a folder of its own, or write a list of path,class")
      try root.write("three/1.bmp", bitmap(red: 2))
      try root.makeFolder("two")
      #expect(try refusal(root) == "ROOT/two: the folder of a class, but it has no images")
      try root.write("file.txt", "text")
      #expect(try refusal(root, "file.txt").hasPrefix("ROOT/file.txt: not a data set: "))
      try root.write("weird/a\nb/1.bmp", bitmap(red: 1))
      #expect(try refusal(root, "weird/a\nb").hasPrefix("ROOT/weird/a?b: no class folders, "))
    }
    for (first, second) in [("Cat", "cat"), ("caf\u{E9}", "cafe\u{301}"), ("cat", "cat "), ("a b", "a  B")] {
      try Files.withScratch { root in
        try root.write("\(first)/1.bmp", bitmap(red: 1))
        try root.write("\(second)/1.bmp", bitmap(red: 1))
        let line = try refusal(root)
        #expect(line.hasPrefix("ROOT: the classes '") && line.contains("have the same name"), "\(line)")
      }
    }
    try Files.withScratch { root in
      for file in ["train/a/1.bmp", "train/b/1.bmp", "val/a/1.bmp", "val/c/1.bmp"] {
        try root.write(file, bitmap(red: 1))
      }
      #expect(
        try refusal(root)
          == "ROOT: the class 'c' of the validation part is unknown in the training images; rename it, or add images of it "
          + "for training")
    }
  }

  @Test func archivesHaveTheSameLayouts() throws {
    try Files.withScratch { root in
      let picture = bitmap(red: 5)
      let names = [
        "train/a/1.bmp", "train/b/x/2.bmp", "val/b/3.bmp", "train/b/notes.txt", "__MACOSX/train/a/._1.bmp",
      ]
      for prefix in ["", "photos/"] {
        try root.write(
          "set.zip",
          zipArchive(names.map { (prefix + $0, $0.hasSuffix(".txt") ? Array("text".utf8) : picture) }))
        let split = try DatasetSplit.open(path: root.appending(path: "set.zip").path, seed: 1)
        #expect(split.training.listing == ["1.bmp:a", "2.bmp:b"])
        #expect(split.validation?.listing == ["3.bmp:b"])
        #expect(try split.training.image(1).pixels.prefix(3) == [5, 0, 0])
        #expect(split.training.name(0).hasSuffix("set.zip/\(prefix)train/a/1.bmp"))
      }
      try root.write("set.zip", zipArchive([("x_1.bmp", picture), ("y_1.bmp", Array(picture.prefix(60)))]))
      let set = try DatasetSplit.open(path: root.appending(path: "set.zip").path, holdOut: 0, seed: 1)
      #expect(set.training.listing == ["x_1.bmp:x", "y_1.bmp:y"])
      #expect(throws: VisionError.self) { try set.training.image(1) }
      try root.write("set.zip", zipArchive([("a/1.bmp", picture), ("c/1.bmp", picture), ("b/", [])]))
      #expect(try refusal(root, "set.zip") == "ROOT/set.zip/b: the folder of a class, but it has no images")
      try root.write("set.zip", zipArchive([]))
      #expect(try refusal(root, "set.zip") == "ROOT/set.zip: no images")
      try root.write("set.zip", "no archive")
      #expect(try refusal(root, "set.zip").hasPrefix("ROOT/set.zip: zip: "))
    }
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func theFruitAreFound() throws {
    let folder = try #require(Files.shared("data/datasets/fruit_voc"))
    let split = try DatasetSplit.open(path: folder.path, seed: 1)
    #expect(split.training.classes == ["apple", "banana", "mixed", "orange"])
    #expect(split.training.count == 240 && split.validation?.count == 60)
    #expect(split.validation?.listing.first == "apple_77.jpg:apple")
    #expect(try split.training.image(0).width > 0)
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func cifarIsReadFromItsArchive() throws {
    let file = try #require(Files.shared("data/datasets/cifar10_jpg_full.zip"))
    let split = try DatasetSplit.open(path: file.path, seed: 1)
    let validation = try #require(split.validation)
    #expect(split.training.count == 50_000 && validation.count == 10_000)
    #expect(split.training.classes.first == "airplane" && split.training.classes.count == 10)
    // Read from several threads, each picture is what one thread reads.
    let some = try Subset(validation, indices: (0..<10_000).filter { $0 % 50 == 0 })
    let cached = try #require(CachedDataset(some, atMost: 1 << 20, threads: 4))
    for index in 0..<some.count { #expect(try cached.image(index) == some.image(index)) }
  }
}
