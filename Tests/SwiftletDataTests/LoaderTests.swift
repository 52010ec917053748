// LoaderTests.swift: batches depend on seed, epoch and number alone; broken files are stood in for; nothing hangs or leaks.

import Foundation
import SwiftletCore
import SwiftletData
import TestSupport
import Testing

/// Everything about a batch that can be compared.
private struct Seen: Equatable {
  var images: [Float], targets: [Float], labels: [Int], indices: [Int], replacements: [Bool]
}

/// Pictures that take an uneven time, so that batches finish out of order.
private struct Slow: Dataset {
  let base: Colors
  var classes: [String] { base.classes }
  var count: Int { base.count }
  func name(_ index: Int) -> String { base.name(index) }
  func label(_ index: Int) -> Int { base.label(index) }
  func image(_ index: Int) throws -> RGBImage {
    Thread.sleep(forTimeInterval: index % 5 == 0 ? 0.004 : 0.0002)
    return try base.image(index)
  }
}

@Suite(.timeLimit(.minutes(1))) struct LoaderTests {
  private let preprocessing = Preprocessing(resolution: 8, framing: .whole)

  private func loader(
    _ dataset: any Dataset, augmentation: [Augmentation] = [.padAndCrop(2), .horizontalFlip],
    mixing: Mixing? = .either(mixup: 0.2, cutMix: 1), batch: Int = 4, seed: UInt64 = 1, epoch: Int = 0,
    startBatch: Int = 0, shuffles: Bool = true, dropsLast: Bool = false, threads: Int = 2, prefetch: Int = 3
  ) -> BatchLoader {
    BatchLoader(
      dataset, preprocessing: preprocessing, augmentation: augmentation, mixing: mixing, batch: batch,
      seed: seed,
      epoch: epoch, startBatch: startBatch, shuffles: shuffles, dropsLast: dropsLast, threads: threads,
      prefetch: prefetch)
  }

  private func all(_ loader: BatchLoader) throws -> [Seen] {
    var result: [Seen] = []
    while let batch = try loader.next() {
      #expect(batch.images.shape == [batch.count, 8, 8, 3] && batch.targets.shape[0] == batch.count)
      result.append(
        Seen(
          images: batch.images.floats(), targets: batch.targets.floats(), labels: batch.labels,
          indices: batch.indices, replacements: batch.replacements))
    }
    #expect(try loader.next() == nil)
    return result
  }

  @Test func threadsChangeNothing() throws {
    let dataset = Slow(base: Colors(count: 61, broken: [7, 8, 30]))
    let expected = try all(loader(dataset, threads: 1, prefetch: 1))
    #expect(expected.count == 16 && expected.last?.labels.count == 1)
    for (threads, prefetch) in [(1, 3), (2, 3), (4, 1), (4, 8), (0, 0), (100, 100_000_000_000)] {
      #expect(try all(loader(dataset, threads: threads, prefetch: prefetch)) == expected)
    }
  }

  @Test func seedAndEpochChangeEverything() throws {
    let dataset = Colors(count: 40)
    let first = try all(loader(dataset))
    #expect(try all(loader(dataset)) == first)
    for other in [loader(dataset, seed: 2), loader(dataset, epoch: 1)] {
      let seen = try all(other)
      #expect(seen.map(\.indices) != first.map(\.indices))
      #expect(seen.flatMap(\.indices).sorted() == Array(0..<40))
    }
    // In one order, too, each epoch varies its pictures in another way.
    let plain = try (0..<2).map { try all(loader(dataset, mixing: nil, epoch: $0, shuffles: false)) }
    #expect(plain[0].map(\.indices) == plain[1].map(\.indices))
    #expect(plain[0].map(\.images) != plain[1].map(\.images))
  }

  @Test func anEpochResumesWhereItStopped() throws {
    let dataset = Colors(count: 50, broken: [3, 4, 20])
    let whole = try all(loader(dataset))
    for start in [0, 1, 5, 12, 13, 14, Int.max] {
      #expect(try all(loader(dataset, startBatch: start)) == Array(whole.dropFirst(start)))
    }
  }

  @Test func lastBatches() throws {
    let dataset = Colors(count: 10)
    #expect(try all(loader(dataset)).map(\.labels.count) == [4, 4, 2])
    #expect(try all(loader(dataset, dropsLast: true)).map(\.labels.count) == [4, 4])
    #expect(try all(loader(dataset, batch: 5)).count == 2)
    #expect(try all(loader(dataset, batch: Int.max)).map(\.labels.count) == [10])
    #expect(try all(loader(Colors(count: 0))).isEmpty)
    #expect(loader(dataset).batchCount == 3 && loader(dataset, batch: 0).batchCount == 0)
  }

  @Test func brokenFilesAreStoodInFor() throws {
    let dataset = Colors(count: 12, broken: [0, 5, 6, 11])
    let ordered = loader(dataset, augmentation: [], mixing: nil, shuffles: false)
    let seen = try all(ordered)
    // Each broken one has the next that can be read, and the last the first.
    let indices: [Int] = seen.flatMap(\.indices)
    let labels: [Int] = seen.flatMap(\.labels)
    let replacements: [Bool] = seen.flatMap(\.replacements)
    #expect(indices == [1, 1, 2, 3, 4, 7, 7, 7, 8, 9, 10, 1])
    #expect((0..<12).filter { replacements[$0] } == [0, 5, 6, 11])
    #expect(labels == indices.map { $0 % 2 })
    let names: [String] = ordered.skipped.map(\.name)
    #expect(names == ["picture 0", "picture 5", "picture 6", "picture 11"])
    #expect(ordered.skipped.first?.reason == "picture 0: broken on purpose")
    // What is reported is what the batches taken have met, not what was made ahead.
    let partial = loader(dataset, augmentation: [], mixing: nil, shuffles: false, prefetch: 3)
    _ = try partial.next()
    #expect(partial.skipped.map(\.name) == ["picture 0"])
  }

  @Test func impossibleEpochsAreRefused() throws {
    let nothing = loader(Colors(count: 3, broken: [0, 1, 2]), shuffles: false)
    let line = "data set: none of the 3 images can be read; the first: picture 0: broken on purpose"
    for _ in 0..<2 {
      let error = #expect(throws: DatasetError.self) { try nothing.next() }
      #expect(error?.description == line)
    }
    #expect(throws: DatasetError.batchTooLarge(batch: 5, count: 4)) {
      try loader(Colors(count: 4), batch: 5, dropsLast: true).next()
    }
    #expect(
      DatasetError.batchTooLarge(batch: 5, count: 4).description
        == "data set: a batch of 5 images is more than the 4 that there are")
    #expect(throws: DatasetError.batchSize(batch: 0)) { try loader(Colors(count: 4), batch: 0).next() }
    #expect(throws: VisionError.self) {
      try loader(Colors(count: 4), augmentation: [.padAndCrop(-1)]).next()
    }
    #expect(throws: VisionError.self) { try loader(Colors(count: 4), mixing: .mixup(alpha: 0)).next() }
    var wrong = Colors(count: 4)
    wrong.classes = ["only"]
    let odd = loader(wrong)
    #expect(try all(odd).flatMap(\.indices).allSatisfy { $0 % 2 == 0 })
    #expect(odd.skipped.first?.reason == "data set: class 1 is not one of 1 classes")
  }

  @Test func evaluationIsThePreprocessingBitForBit() throws {
    let dataset = Colors(count: 9, side: 21)
    for preprocessing in [
      Preprocessing.torchvision(resolution: 8), .timm(resolution: 8), .tensorFlow(resolution: 8),
      .slim(resolution: 8), .cifar(resolution: 8),
    ] {
      let loader = BatchLoader(
        dataset, preprocessing: preprocessing, batch: 4, seed: 1, epoch: 0, shuffles: false, dropsLast: false)
      var images: [Float] = []
      var targets: [Float] = []
      while let batch = try loader.next() {
        images += batch.images.floats()
        targets += batch.targets.floats()
      }
      var expected: [Float] = []
      var classes: [Float] = []
      for index in 0..<9 {
        expected += try preprocessing.input(dataset.image(index)).floats()
        classes += index % 2 == 0 ? [1, 0] : [0, 1]
      }
      #expect(images == expected && targets == classes)
    }
  }

  /// A data set that tells whether anybody still has it.
  private final class Watched: Dataset {
    let base = Slow(base: Colors(count: 1000))
    var classes: [String] { base.classes }
    var count: Int { base.count }
    func name(_ index: Int) -> String { base.name(index) }
    func label(_ index: Int) -> Int { base.label(index) }
    func image(_ index: Int) throws -> RGBImage { try base.image(index) }
  }

  @Test(arguments: [0, 1, 7, 1000])
  func threadsEndWithTheLoader(_ taken: Int) throws {
    weak var watched: Watched?
    do {
      let dataset = Watched()
      watched = dataset
      let loader = loader(dataset, batch: 10, threads: 4)
      for _ in 0..<taken { if try loader.next() == nil { break } }
    }
    // Threads keep the data set until they have finished the batch that they are at.
    let start = ContinuousClock.now
    while watched != nil, ContinuousClock.now - start < .seconds(20) { Thread.sleep(forTimeInterval: 0.01) }
    #expect(watched == nil)
  }

  @Test func severalCallersGetEachBatchOnce() throws {
    let loader = loader(Slow(base: Colors(count: 200)), mixing: nil)
    let results = try ThreadPool.map(4) { _ -> [Int] in
      var indices: [Int] = []
      while let batch = try loader.next() { indices += batch.indices }
      return indices
    }
    #expect(results.flatMap { $0 }.sorted() == Array(0..<200))
  }

  @Test func waitingIsCounted() throws {
    let loader = loader(Slow(base: Colors(count: 40)), batch: 20, threads: 1, prefetch: 1)
    _ = try loader.next()
    #expect(loader.waitingSeconds > 0.001)
    Thread.sleep(forTimeInterval: 0.2)
    let before = loader.waitingSeconds
    _ = try loader.next()
    #expect(loader.waitingSeconds >= before)
  }

  /// CIFAR through everything, decoded beforehand and from the archive. It is printed, not judged.
  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func speedOfCIFAR() throws {
    let file = try #require(Files.shared("data/datasets/cifar10_jpg_full.zip"))
    let clock = ContinuousClock()
    var validation: (any Dataset)?
    let opening = try clock.measure {
      validation = try DatasetSplit.open(path: file.path, seed: 1).validation
    }
    let dataset = try #require(validation)
    var cached: CachedDataset?
    let decoding = clock.measure { cached = CachedDataset(dataset, atMost: 1 << 30) }
    let images = try #require(cached)
    func rate(_ dataset: any Dataset, threads: Int) throws -> Int {
      let loader = BatchLoader(
        dataset, preprocessing: .cifar(), augmentation: [.padAndCrop(4), .horizontalFlip], batch: 128,
        seed: 1,
        epoch: 0, shuffles: true, dropsLast: true, threads: threads)
      var count = 0
      let time = try clock.measure { while let batch = try loader.next() { count += batch.count } }
      return Int(Double(count) / (time / .seconds(1)))
    }
    print("CIFAR: opened in \(opening), 10000 photographs decoded in \(decoding)")
    print(
      "CIFAR: cached \(try rate(images, threads: 1)) images/s on one thread, \(try rate(images, threads: 2)) on two"
    )
    print(
      "CIFAR: from the archive \(try rate(dataset, threads: 1)) images/s on one thread, \(try rate(dataset, threads: 2)) on two"
    )

    let folder = try #require(Files.shared("data/datasets/fruit_voc"))
    let fruit = try #require(try DatasetSplit.open(path: folder.path, seed: 1).validation)
    let loader = BatchLoader(
      fruit, preprocessing: .torchvision(), augmentation: [.randomResizedCrop(), .horizontalFlip], batch: 20,
      seed: 1, epoch: 0, shuffles: true, dropsLast: true, threads: 2)
    let time = try clock.measure { while try loader.next() != nil {} }
    print("Fruit: \(Int(60 / (time / .seconds(1)))) images/s on two threads, decoded and cropped to 224")
  }
}
