// DatasetSplit.swift: images for training and for validation, and the kind of data set at a path.

import SwiftletCore

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A data set in parts with the same classes: ``DatasetSplit``, ``MultiLabelSplit``, or one of any targets.
public struct Split<Images: Sendable>: Sendable {
  /// The part that is trained on.
  public let training: Images
  /// The part that chooses the best epoch; `nil` where nothing is held out.
  public let validation: Images?
  /// The part that is looked at once, with the best weights; `nil` where there is none.
  public let test: Images?
  /// How the data set was understood, and what of it was left out.
  package var notes = DatasetNotes()

  /// Creates a split from its parts.
  public init(training: Images, validation: Images?, test: Images? = nil) {
    self.init(training: training, validation: validation, test: test, notes: DatasetNotes())
  }

  package init(training: Images, validation: Images?, test: Images?, notes: DatasetNotes) {
    self.training = training
    self.validation = validation
    self.test = test
    self.notes = notes
  }

  /// The parts that there are.
  package var parts: [(part: Part, images: Images)] {
    [(.training, training)] + (validation.map { [(.validation, $0)] } ?? [])
      + (test.map { [(.test, $0)] } ?? [])
  }

  /// Each part changed.
  package func map<Other: Sendable>(_ change: (Images, Part) throws -> Other) rethrows -> Split<Other> {
    Split<Other>(
      training: try change(training, .training),
      validation: try validation.map { try change($0, .validation) },
      test: try test.map { try change($0, .test) }, notes: notes)
  }

  /// A split as a data set has it. Where there is a part for the test and none for validation, the test part chooses the
  /// epoch, as is the custom with data sets of two parts, and the notes say so. Where neither is there, `holdOut` makes one.
  static func opened(
    _ parts: [Part: Images], notes: DatasetNotes, path: String, options: DatasetOptions,
    holdOut: (Images) throws -> Split
  ) throws -> Split {
    var notes = notes
    if parts[.training] == nil, options.leastClasses < 2, let only = parts[.validation] ?? parts[.test] {
      return Split(training: only, validation: only, test: parts[.test], notes: notes)
    }
    guard let training = parts[.training] else { throw DatasetError.noTraining(path: path) }
    if let validation = parts[.validation] {
      return Split(training: training, validation: validation, test: parts[.test], notes: notes)
    }
    if let test = parts[.test] {
      notes.note("two parts: the test part is used for validation, so it chooses the best epoch")
      return Split(training: training, validation: test, test: nil, notes: notes)
    }
    let held = try holdOut(training)
    notes.notes += held.notes.notes
    notes.remarks += held.notes.remarks
    return Split(training: held.training, validation: held.validation, test: nil, notes: notes)
  }
}

/// Images of one class each, in parts.
public typealias DatasetSplit = Split<any Dataset>

extension Split where Images == any Dataset {
  /// The same images for a task of any targets.
  public var anyTargets: Split<any ImageDataset> { map { images, _ in images } }

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
      validation: held.isEmpty ? nil : Subset(dataset, indices: held.sorted()), test: nil,
      notes: DatasetNotes())
    if !held.isEmpty { notes.note(Self.heldOut(share)) }
  }

  /// A sentence for ``DatasetNotes``.
  static func heldOut(_ share: Double) -> String {
    let percent = (1000 * share).rounded() / 10
    let text = percent == percent.rounded() ? "\(Int(percent))" : "\(percent)"
    return "no part for validation: \(text) % of the images are held out, at random with the seed"
  }

  /// Opens a data set of whichever kind the path is: a folder of images, an archive of such a folder (zip, tar, compressed
  /// tar), a list of images, or CIFAR's files.
  ///
  /// - Parameters:
  ///   - path: a folder or a file.
  ///   - holdOut: the share of each class that is held out where the data set itself has no split; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``, or ``FormatError`` where a zip is broken.
  public static func open(path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    try open(path: path, options: DatasetOptions(holdOut: holdOut, seed: seed))
  }

  /// Opens a data set with further choices.
  package static func open(path: String, options: DatasetOptions) throws -> DatasetSplit {
    guard options.holdOut >= 0, options.holdOut < 1 else {
      throw DatasetError.holdOut(share: options.holdOut)
    }
    var status = stat()
    guard !path.isEmpty, !path.utf8.contains(0), stat(path, &status) == 0 else {
      throw DatasetError.missing(path: path)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      do { return try open(FolderTree(path), options) } catch let error as DatasetError {
        // Where no folder is a class, a list beside the images may have the classes.
        guard case .noClassFolders = error, let split = try FolderLists.split(path, options: options) else {
          throw error
        }
        return split
      }
    }
    switch try FileContents(path) {
    case .zip: return try open(ZipTree(path), options)
    case .tar: return try open(TarTree(path), options)
    case .list: return try CSVList.split(path, options: options)
    case .other(let reason):
      throw reason.map { DatasetError.malformed(path: path, reason: $0) }
        ?? DatasetError.notADataset(path: path)
    }
  }

  private static func open(_ tree: some FileTree, _ options: DatasetOptions) throws -> DatasetSplit {
    if let cifar = try CIFARFiles(in: tree) { return try cifar.split(options) }
    return try TreeImages.split(tree, options)
  }
}
