// MultiLabelTests.swift: lists of images with several classes each, and batches of them.

import Foundation
import SwiftletCore
import SwiftletData
import TestSupport
import Testing

@Suite struct MultiLabelTests {
  private func listing(_ set: any ImageDataset<[Int]>) -> [String] {
    (0..<set.count).map { index in
      let names = set.target(index).map { set.classes[$0] }.joined(separator: "+")
      return "\(set.name(index).split(separator: "/").last ?? ""):\(names)"
    }
  }

  @Test func bothFormsSayTheSame() throws {
    try Files.withScratch { root in
      for name in ["1", "2", "3", "4"] { try root.write("photos/\(name).bmp", bitmap(red: UInt8(name) ?? 0)) }
      let lists = [
        "photos/1.bmp,sky;water\nphotos/2.bmp,sky,train\nphotos/3.bmp,,val\nphotos/4.bmp, water | sky ,val\n",
        "path,labels,part\nphotos/1.bmp,water;sky,\nphotos/2.bmp,sky,train\nphotos/3.bmp,,val\nphotos/4.bmp,sky|water,val",
        "Image,sky,water,split\nphotos/1.bmp,1,1,train\nphotos/2.bmp,1,0,train\nphotos/3.bmp,0,0,val\nphotos/4.bmp,1,1,val\n",
      ]
      for text in lists {
        try root.write("labels.csv", text)
        let split = try MultiLabelSplit.open(path: root.path, seed: 1)
        #expect(split.training.classes == ["sky", "water"])
        #expect(listing(split.training) == ["1.bmp:sky+water", "2.bmp:sky"])
        #expect(split.validation.map(listing) == ["3.bmp:", "4.bmp:sky+water"])
        #expect(try split.training.image(1).pixels[0] == 2)
        let all = try MultiLabelList(root.appending(path: "labels.csv").path)
        #expect(all.count == 4 && all.fingerprint(2) == "photos/3.bmp 102")
      }
    }
  }

  @Test(arguments: [
    ("1.bmp,a;b\n1.bmp,a\n", "line 2: '1.bmp' is listed twice"),
    ("1.bmp,a;;b\n", "line 1: a class is empty in 'a;;b'"),
    ("1.bmp\n", "1 column, not path,labels or path,labels,part; a first line has to name the columns"),
    ("1.bmp,a;b,train\n2.bmp,a,later\n", "line 2: the part 'later' is none of train, val and test"),
    ("1.bmp,a\n,a;b\n", "line 2: the path is empty"),
    ("1.bmp,a\n2.bmp,a\n", "1 class; at least 2 are needed"),
    ("1.bmp,a;A\n", "the classes 'A' and 'a' have the same name but for case, spaces or spelling"),
    ("path,a,b\n1.bmp,1,2\n", "line 2: '2' for b is neither 0 nor 1"),
    ("path,a,b\n1.bmp,1\n", "line 2: '' for b is neither 0 nor 1"),
    ("path,a,,b\n1.bmp,1,0,1\n", "line 1: a class has no name"),
    ("path,a,b\n", "no images"),
    ("path,labels,part\n1.bmp,a;b,val\n", "there are parts, but none for training"),
  ])
  func badListsAreRefused(_ text: String, _ reason: String) throws {
    try Files.withScratch { root in
      for index in 1...2 { try root.write("\(index).bmp", bitmap(red: 1)) }
      try root.write("list.csv", text)
      let path = root.appending(path: "list.csv").path
      let error = #expect(throws: DatasetError.self) { try MultiLabelSplit.open(path: path, seed: 1) }
      let line = "\(try #require(error))"
      #expect(line == "\(path): \(reason)")
      #expect(throws: DatasetError.notAMultiLabelList(path: root.path)) {
        try MultiLabelSplit.open(path: root.path, seed: 1)
      }
    }
  }

  @Test func aShareIsHeldOut() throws {
    try Files.withScratch { root in
      for index in 0..<20 { try root.write("\(index).bmp", bitmap(red: 1)) }
      try root.write("list.csv", (0..<20).map { "\($0).bmp,\($0 % 3);x\n" }.joined())
      let path = root.appending(path: "list.csv").path
      let split = try MultiLabelSplit.open(path: path, holdOut: 0.25, seed: 3)
      let validation = try #require(split.validation)
      #expect(split.training.count == 15 && validation.count == 5)
      #expect(Set(listing(split.training) + listing(validation)).count == 20)
      let again = try MultiLabelSplit.open(path: path, holdOut: 0.25, seed: 3)
      #expect(again.validation.map(listing) == listing(validation))
      let other = try MultiLabelSplit.open(path: path, holdOut: 0.25, seed: 4)
      #expect(other.validation.map(listing) != listing(validation))
      #expect(try MultiLabelSplit.open(path: path, holdOut: 0, seed: 3).validation == nil)
    }
  }

  /// Images of two bits each.
  private struct Bits: ImageDataset {
    let classes = ["one", "two", "four"]
    var count = 8
    var broken: Set<Int> = []
    func name(_ index: Int) -> String { "\(index)" }
    func target(_ index: Int) -> [Int] { (0..<3).filter { index >> $0 & 1 == 1 } }
    func image(_ index: Int) throws -> RGBImage {
      if broken.contains(index) { throw DatasetError.noThread }
      return try RGBImage(width: 4, height: 4, pixels: [UInt8](repeating: UInt8(index * 20), count: 48))
    }
  }

  @Test func batchesHoldAOneForEachClass() throws {
    let set = Bits(broken: [5])
    let preprocessing = Preprocessing(
      resolution: 4, framing: .whole, mean: [0, 0, 0], standardDeviation: [1, 1, 1])
    for threads in [1, 3] {
      let loader = BatchLoader(
        set, targets: .manyClasses(of: set), preprocessing: preprocessing, batch: 3, seed: 1, epoch: 0,
        shuffles: false, dropsLast: false, threads: threads)
      var rows: [[Float]] = []
      while let batch = try loader.next() {
        #expect(batch.labels.isEmpty && batch.targets.shape == [batch.count, 3])
        let floats = batch.targets.floats()
        rows += (0..<batch.count).map { Array(floats[(3 * $0)..<(3 * $0 + 3)]) }
      }
      // 6 stands in for the broken 5.
      #expect(
        rows == [0, 1, 2, 3, 4, 6, 6, 7].map { index in (0..<3).map { Float(index >> $0 & 1) } })
      #expect(loader.skipped.map(\.name) == ["5"])
    }
  }

  @Test func mixedTargetsAreMixtures() throws {
    let set = Bits()
    let preprocessing = Preprocessing(
      resolution: 16, framing: .whole, mean: [0, 0, 0], standardDeviation: [1, 1, 1])
    for mixing in [Mixing.mixup(alpha: 1), .cutMix(alpha: 1)] {
      let loader = BatchLoader(
        set, targets: .manyClasses(of: set), preprocessing: preprocessing, mixing: mixing, batch: 8, seed: 5,
        epoch: 0, shuffles: false, dropsLast: false)
      let batch = try #require(try loader.next())
      let (targets, images) = (batch.targets.floats(), batch.images.floats())
      // Image 4 is mixed with image 3, whose classes are the other ones: shares are those of the pixels.
      let share = targets[4 * 3 + 2]
      #expect(targets[12..<15].elementsEqual([1 - share, 1 - share, share]) { abs($0 - $1) < 1e-6 })
      #expect(share > 0 && share < 1)
      let pixels = 3 * 16 * 16
      let mean = images[(4 * pixels)..<(5 * pixels)].reduce(0, +) / Float(pixels) * 255
      #expect(abs(mean - (share * 80 + (1 - share) * 60)) < 1e-2, "\(mixing)")
    }
  }

  @Test func targetsThatCannotBeMixedAreNot() {
    let set = Bits()
    let encoding = TargetEncoding(shapes: [[1]], canMix: false) { index, _, rows in rows[0][0] = Float(index)
    }
    let loader = BatchLoader(
      set, targets: encoding, preprocessing: .cifar(), mixing: .mixup(alpha: 1), batch: 2, seed: 1, epoch: 0,
      shuffles: false, dropsLast: false)
    #expect(throws: DatasetError.cannotMix) { try loader.next() }
  }

  /// Targets of several tensors that depend on how the image was moved: the seam that boxes need.
  @Test func encodingsSeeHowTheImageWasMoved() throws {
    let set = Bits()
    let encoding = TargetEncoding(shapes: [[2], [1, 2]], canMix: false) { index, transform, rows in
      let corner = transform(x: 0, y: 0)
      (rows[0][0], rows[0][1]) = (Float(corner.x), Float(corner.y))
      rows[1][0] = Float(index)
    }
    let loader = BatchLoader(
      set, targets: encoding, preprocessing: .cifar(resolution: 8), augmentation: [.horizontalFlip], batch: 8,
      seed: 2, epoch: 0, shuffles: false, dropsLast: false)
    let batch = try #require(try loader.next())
    #expect(batch.targetTensors.map(\.shape) == [[8, 2], [8, 1, 2]])
    let corners = batch.targetTensors[0].floats()
    let xs = (0..<8).map { corners[2 * $0] }
    #expect(Set(xs) == [0, 8] && (0..<8).allSatisfy { corners[2 * $0 + 1] == 0 })
    #expect(batch.targetTensors[1].floats() == (0..<8).flatMap { [Float($0), 0] })
  }
}
