// DataChoice.swift: the data set of a command line, opened, looked over and limited.

import SwiftletModules

/// The data set that a command works on.
struct DataChoice {
  /// Options of the commands that train, or look at data.
  static let specs: [OptionSpec] = [
    .value(
      "hold-out", "SHARE", "Share held out for validation if the data has no such part (default 0.2)."),
    .flag("label-from-name", "Take the class from the beginning of each file's name: beagle_12.jpg."),
    .value("limit", "N", "Use at most N images of each part, balanced over the classes: for a quick try."),
    .flag("strict", "Fail where the overview of the data has a remark (a line with !)."),
  ]

  /// The images.
  let split: Split<any ImageDataset>
  /// The images at a glance.
  let overview: DataOverview

  /// Opens a data set.
  ///
  /// - Parameters:
  ///   - path: the data set.
  ///   - isMultiLabel: whether an image may have any number of classes.
  ///   - seed: of everything random.
  /// - Throws: ``DatasetError``, ``UsageError`` where `--strict` is given and there are remarks.
  init(_ arguments: Arguments, path: String, isMultiLabel: Bool, seed: UInt64) throws {
    let options = DatasetOptions(
      holdOut: try arguments.number("hold-out") ?? 0.2, seed: seed,
      labelsFromNames: arguments.flag("label-from-name"))
    let limit = try arguments.integer("limit", in: 1...Int.max)
    if isMultiLabel {
      guard !options.labelsFromNames else { throw UsageError("--label-from-name is for one class an image") }
      let data = try MultiLabelSplit.open(path: path, options: options)
      split = try (limit.map { try data.limited(to: $0, seed: seed) } ?? data).anyTargets
    } else {
      let data = try DatasetSplit.open(path: path, options: options)
      split = try (limit.map { try data.limited(to: $0, seed: seed) } ?? data).anyTargets
    }
    overview = DataOverview(split, path: path)
    if arguments.flag("strict"), let first = overview.remarks.first {
      let rest = overview.remarks.count - 1
      throw UsageError(
        "\(path): --strict: \(first)" + (rest > 0 ? "; and \(rest) more: 'swiftlet data' lists them" : ""))
    }
  }

  /// Makes the batch as small as the training part, where it is larger.
  ///
  /// - Returns: a sentence that says so.
  static func fit(_ recipe: inout Recipe, to count: Int) -> String? {
    guard recipe.batch > count, count > 0 else { return nil }
    let wanted = recipe.batch
    recipe.batch = count
    recipe.accumulation = 1
    return "a batch of \(wanted) is more than the \(count) training images: the batch is \(count)"
  }
}
