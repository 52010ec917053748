// MultiLabelSplit.swift: images of any number of classes each, in parts.

import SwiftletCore

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Images of any number of classes each, in parts.
public typealias MultiLabelSplit = Split<any ImageDataset<[Int]>>

extension Split where Images == any ImageDataset<[Int]> {
  /// The same images for a task of any targets.
  public var anyTargets: Split<any ImageDataset> { map { images, _ in images } }

  /// Holds out a share of the images, at random but the same for the same seed; of two images or more at least one is
  /// held out and at least one is not.
  ///
  /// - Parameters:
  ///   - share: the share, in 0..<1; 0 holds out nothing.
  ///   - dataset: the data set to split. Both parts keep its order.
  ///   - seed: decides which images are held out.
  /// - Throws: ``DatasetError/holdOut(share:)``.
  public init(holdingOut share: Double, of dataset: some ImageDataset<[Int]>, seed: UInt64) throws {
    guard share >= 0, share < 1 else { throw DatasetError.holdOut(share: share) }
    guard share > 0, dataset.count > 1 else {
      self.init(training: dataset, validation: nil)
      return
    }
    var generator = SeededGenerator(seed: seed, stream: "hold out")
    let shuffled = EpochOrder.shuffled(Array(0..<dataset.count), using: &generator)
    let count = min(max(Int((share * Double(dataset.count)).rounded()), 1), dataset.count - 1)
    self.init(
      training: try SubsetOf(dataset, indices: shuffled.dropFirst(count).sorted()),
      validation: try SubsetOf(dataset, indices: shuffled.prefix(count).sorted()), test: nil,
      notes: DatasetNotes())
    notes.note(DatasetSplit.heldOut(share))
  }

  /// Opens a list of images with their classes, or a folder with one named `labels.csv`: ``MultiLabelList``.
  ///
  /// - Parameters:
  ///   - path: the file or the folder.
  ///   - holdOut: the share that is held out where the list names no parts; 0 for none.
  ///   - seed: decides which images those are.
  /// - Throws: ``DatasetError``, ``FormatError`` where the file cannot be read.
  public static func open(path: String, holdOut: Double = 0.1, seed: UInt64) throws -> MultiLabelSplit {
    try open(path: path, options: DatasetOptions(holdOut: holdOut, seed: seed))
  }

  /// Opens a list with further choices.
  package static func open(path: String, options: DatasetOptions) throws -> MultiLabelSplit {
    guard options.holdOut >= 0, options.holdOut < 1 else {
      throw DatasetError.holdOut(share: options.holdOut)
    }
    var status = stat()
    guard !path.isEmpty, !path.utf8.contains(0), stat(path, &status) == 0 else {
      throw DatasetError.missing(path: path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      guard case .list = try FileContents(path) else { throw DatasetError.notAMultiLabelList(path: path) }
      return try MultiLabelList.split(path, options: options)
    }
    let list = ImageFolder.join(path, "labels.csv")
    guard access(list, F_OK) == 0 else { throw DatasetError.notAMultiLabelList(path: path) }
    return try MultiLabelList.split(list, options: options)
  }
}
