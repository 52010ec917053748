// DatasetSplit.swift: images for training and for validation, and the kind of data set at a path.

import SwiftletCore

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A data set in two parts with the same classes: ``DatasetSplit``, ``MultiLabelSplit``, or one of any targets.
public struct Split<Images: Sendable>: Sendable {
  /// The part that is trained on.
  public let training: Images
  /// The part that is held out; `nil` where nothing is.
  public let validation: Images?

  /// Creates a split from its parts.
  public init(training: Images, validation: Images?) {
    self.training = training
    self.validation = validation
  }
}

/// Images of one class each, in two parts.
public typealias DatasetSplit = Split<any Dataset>

extension Split where Images == any Dataset {
  /// The same images for a task of any targets.
  public var anyTargets: Split<any ImageDataset> {
    Split<any ImageDataset>(training: training, validation: validation)
  }

  /// Holds out a share of each class, at random but the same for the same seed.
  ///
  /// Of a class with two images or more at least one is held out and at least one is not.
  ///
  /// - Parameters:
  ///   - share: the share, in 0..<1; 0 holds out nothing.
  ///   - dataset: the data set to split. Both parts keep its order.
  ///   - seed: decides which images are held out.
  /// - Throws: ``DatasetError/holdOut(share:)``.
  public init(holdingOut share: Double, of dataset: any Dataset, seed: UInt64) throws {
    guard share >= 0, share < 1 else { throw DatasetError.holdOut(share: share) }
    guard share > 0 else {
      self.init(training: dataset, validation: nil)
      return
    }
    var members = [[Int]](repeating: [], count: dataset.classes.count)
    for index in 0..<dataset.count { members[dataset.label(index)].append(index) }
    var held: [Int] = []
    var kept: [Int] = []
    for (label, indices) in members.enumerated() {
      var generator = SeededGenerator(seed: seed, stream: "hold out \(label)")
      let shuffled = EpochOrder.shuffled(indices, using: &generator)
      let wanted = Int((share * Double(indices.count)).rounded())
      let count = min(max(wanted, 1), indices.count - 1)
      held += shuffled.prefix(max(count, 0))
      kept += shuffled.dropFirst(max(count, 0))
    }
    try self.init(
      training: Subset(dataset, indices: kept.sorted()),
      validation: held.isEmpty ? nil : Subset(dataset, indices: held.sorted()))
  }

  /// Opens a data set of whichever kind the path is: CIFAR's binary files, a folder of images, a zip of such a folder, or a
  /// `.csv` list.
  ///
  /// - Parameters:
  ///   - path: a folder or a file.
  ///   - holdOut: the share of each class that is held out where the data set itself has no split; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, or ``FormatError`` where a zip is broken.
  public static func open(path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    guard holdOut >= 0, holdOut < 1 else { throw DatasetError.holdOut(share: holdOut) }
    var status = stat()
    guard !path.isEmpty, !path.utf8.contains(0), stat(path, &status) == 0 else {
      throw DatasetError.missing(path: path)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      if CIFARBinary.isPresent(in: path) { return try CIFARBinary.split(path, holdOut: holdOut, seed: seed) }
      return try ImageFolder.split(path, holdOut: holdOut, seed: seed)
    }
    let name = path.lowercased()
    if name.hasSuffix(".csv") { return try CSVList.split(path, holdOut: holdOut, seed: seed) }
    if name.hasSuffix(".zip") { return try ZipFolder.split(path, holdOut: holdOut, seed: seed) }
    throw DatasetError.notADataset(path: path)
  }
}
