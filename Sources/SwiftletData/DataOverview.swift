// DataOverview.swift: a data set at a glance: classes, parts, what is left out, images that occur twice.

import SwiftletCore
import SwiftletFormats
import Synchronization

/// A data set at a glance.
package struct DataOverview: Sendable, Codable, Equatable {
  /// A class with the number of its images in each part.
  package struct ClassCount: Sendable, Codable, Equatable {
    package let name: String
    package let training: Int, validation: Int, test: Int
    package var total: Int { training + validation + test }
  }

  /// Files of the same bytes.
  package struct Duplicates: Sendable, Codable, Equatable {
    /// Images of validation or test whose bytes are in training, or in the other of the two.
    package var acrossParts = 0
    /// Images whose bytes occur with another class.
    package var acrossClasses = 0
    /// The first pairs.
    package var examples: [[String]] = []
  }

  /// The path.
  package let data: String
  /// The number of images in each part.
  package let training: Int, validation: Int, test: Int
  /// The classes in their order.
  package let classes: [ClassCount]
  /// Images over those of the smallest class in training; `nil` for classes that exclude each other not.
  package let imbalance: Double?
  /// Files of the same bytes.
  package let duplicates: Duplicates
  /// How the data set was understood.
  package let notes: [String]
  /// What a person may not have meant.
  package let remarks: [String]

  /// Classes with so many times the images of the smallest are remarkable.
  private static let largestImbalance = 10.0

  /// Counts images, and compares files of the same size by their bytes.
  ///
  /// - Parameters:
  ///   - split: the data set.
  ///   - path: its path, for words.
  package init(_ split: Split<any ImageDataset>, path: String) {
    let classes = split.training.classes
    var counts = [Part: [Int]]()
    for (part, images) in split.parts { counts[part] = Self.counts(images) }
    func count(_ part: Part, _ label: Int) -> Int { counts[part]?[label] ?? 0 }
    data = path
    training = split.training.count
    validation = split.validation?.count ?? 0
    test = split.test?.count ?? 0
    self.classes = classes.indices.map { label in
      ClassCount(
        name: classes[label], training: count(.training, label), validation: count(.validation, label),
        test: count(.test, label))
    }
    var remarks = split.notes.remarks
    let trained = self.classes.map(\.training)
    if let largest = trained.max(), let smallest = trained.min(), smallest > 0 {
      imbalance = Double(largest) / Double(smallest)
    } else {
      imbalance = nil
    }
    let empty = self.classes.filter { $0.training == 0 }
    if !empty.isEmpty {
      remarks.append(
        "no training image of \("class".counted(empty.count)): "
          + empty.prefix(5).map(\.name).joined(separator: ", ") + (empty.count > 5 ? ", …" : ""))
    }
    if let imbalance, imbalance >= Self.largestImbalance,
      let largest = self.classes.max(by: { $0.training < $1.training }),
      let smallest = self.classes.min(by: { $0.training < $1.training })
    {
      remarks.append(
        "imbalance: '\(largest.name)' has \(largest.training) training images, '\(smallest.name)' "
          + "\(smallest.training)")
    }
    duplicates = Self.duplicates(split)
    let example = duplicates.examples.first.map { ": \($0.joined(separator: " and "))" } ?? ""
    if duplicates.acrossParts > 0 {
      remarks.append(
        "duplicates: \("image".counted(duplicates.acrossParts)) of validation or test "
          + "\(duplicates.acrossParts == 1 ? "is" : "are") in another part, too\(example)")
    }
    if duplicates.acrossClasses > 0 {
      remarks.append(
        "duplicates: \("image".counted(duplicates.acrossClasses)) "
          + "\(duplicates.acrossClasses == 1 ? "occurs" : "occur") with another class, too\(example)")
    }
    notes = split.notes.notes
    self.remarks = remarks.map(DatasetError.line)
  }

  private static func counts<Images: ImageDataset>(_ images: Images) -> [Int] {
    var counts = [Int](repeating: 0, count: images.classes.count)
    for index in 0..<images.count {
      switch images.target(index) {
      case let label as Int: if counts.indices.contains(label) { counts[label] += 1 }
      case let labels as [Int]:
        for label in labels where counts.indices.contains(label) { counts[label] += 1 }
      default: break
      }
    }
    return counts
  }

  /// The classes with the fewest images, at most five, the fewest first.
  package var smallest: [ClassCount] {
    Array(classes.sorted { ($0.total, $0.name) < ($1.total, $1.name) }.prefix(5))
  }

  // MARK: Duplicates

  private struct Image {
    let part: Part
    let target: String
    let name: String
    let size: Int
    let source: any EncodedImages
    let index: Int
  }

  private static func images<Images: ImageDataset>(_ images: Images, _ part: Part) -> [Image] {
    guard let source = images as? any EncodedImages else { return [] }
    return (0..<images.count).compactMap { index in
      source.byteCount(index).map {
        Image(
          part: part, target: "\(images.target(index))", name: images.name(index), size: $0, source: source,
          index: index)
      }
    }
  }

  /// Files of one size are compared by their first bytes, those that agree by a digest of all.
  private static func duplicates(_ split: Split<any ImageDataset>) -> Duplicates {
    var groups: [Int: [Image]] = [:]
    for (part, images) in split.parts {
      for image in Self.images(images, part) { groups[image.size, default: []].append(image) }
    }
    let suspects = groups.values.filter { $0.count > 1 }.flatMap(\.self)
    let heads = keys(suspects) { image in
      (try? image.source.head(image.index)).map {
        "\(image.size) \($0.withUnsafeBytes { FowlerNollVo.hash($0) })"
      }
    }
    var close: [String: [Image]] = [:]
    for (image, key) in zip(suspects, heads) { if let key { close[key, default: []].append(image) } }
    let likely = close.values.filter { $0.count > 1 }.flatMap(\.self)
    let digests = keys(likely) { image in
      guard let file = try? image.source.contents(image.index) else { return nil }
      return file.storage.withUnsafeBytes { try? Digest.sha256(bytes: $0) }
    }
    var equal: [String: [Image]] = [:]
    for (image, key) in zip(likely, digests) { if let key { equal[key, default: []].append(image) } }
    var result = Duplicates()
    let order: [Part] = [.training, .validation, .test]
    for group in equal.values.sorted(by: { $0[0].name < $1[0].name }) where group.count > 1 {
      let parts = Set(group.map(\.part))
      let first = order.first(where: parts.contains)
      let isAcross = parts.count > 1, isContradictory = Set(group.map(\.target)).count > 1
      if isAcross { result.acrossParts += group.count { $0.part != first } }
      if isContradictory { result.acrossClasses += group.count - 1 }
      guard isAcross || isContradictory, result.examples.count < 5 else { continue }
      let other = group.first { isAcross ? $0.part != group[0].part : $0.target != group[0].target }
      result.examples.append([group[0].name, other?.name ?? ""])
    }
    return result
  }

  private static func keys(_ images: [Image], _ key: @escaping @Sendable (Image) -> String?) -> [String?] {
    let result = Mutex([String?](repeating: nil, count: images.count))
    let run = 32
    ThreadPool(count: images.count > 256 ? 4 : 1).forEach((images.count + run - 1) / run) { piece in
      let range = (piece * run)..<min(images.count, (piece + 1) * run)
      let found = range.map { key(images[$0]) }
      result.withLock { $0.replaceSubrange(range, with: found) }
    }
    return result.withLock { $0 }
  }

  // MARK: Text

  /// The overview for a terminal: remarks begin with `!`.
  package var lines: [String] {
    var parts = ["\(Self.grouped(training)) training"]
    if validation > 0 { parts.append("\(Self.grouped(validation)) validation") }
    if test > 0 { parts.append("\(Self.grouped(test)) test") }
    var lines = [
      "\(data): \("class".counted(classes.count)), images: \(parts.joined(separator: ", "))"
    ]
    func text(_ classes: [ClassCount]) -> String {
      classes.map { "\($0.name) \(Self.grouped($0.total))" }.joined(separator: ", ")
    }
    if classes.count <= 12 {
      lines.append("  classes: " + text(classes))
    } else {
      lines.append("  classes: " + text(Array(classes.prefix(5))) + ", …")
    }
    if classes.count > 5 { lines.append("  the smallest: " + text(smallest)) }
    if let imbalance, imbalance >= 1.5 {
      let tenths = Int((10 * min(imbalance, 1e6)).rounded())
      lines.append(
        "  the largest class has \(tenths / 10).\(tenths % 10) times the training images of the smallest")
    }
    lines += notes.map { "  \($0)" }
    lines += remarks.map { "  ! \($0)" }
    return lines.map(DatasetError.line)
  }

  private static func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}

extension Split {
  /// Some of the images of each part, at random but the same for the same seed; the notes say so.
  ///
  /// - Parameters:
  ///   - count: the most images of a part.
  ///   - members: the images of each class, which take turns.
  ///   - subset: the images with the given indices.
  private func limited(
    to count: Int, seed: UInt64, size: (Images) -> Int, members: (Images) -> [[Int]],
    subset: (Images, [Int]) throws -> Images
  ) rethrows -> Split {
    var result = try map { images, part in
      guard size(images) > count else { return images }
      var shuffled = members(images).enumerated().map { label, indices in
        var generator = SeededGenerator(seed: seed, stream: "limit \(part.rawValue) \(label)")
        return EpochOrder.shuffled(indices, using: &generator)[...]
      }
      var chosen: [Int] = []
      while chosen.count < count {
        let before = chosen.count
        for label in shuffled.indices where chosen.count < count {
          if let index = shuffled[label].popFirst() { chosen.append(index) }
        }
        if chosen.count == before { break }
      }
      return try subset(images, chosen.sorted())
    }
    if parts.contains(where: { size($0.images) > count }) {
      result.notes.note("limited to \(count) images of each part, balanced over the classes")
    }
    return result
  }
}

extension Split where Images == any Dataset {
  /// At most `count` images of each part, as many of each class as there are.
  package func limited(to count: Int, seed: UInt64) throws -> DatasetSplit {
    try limited(
      to: count, seed: seed, size: { $0.count },
      members: { images in
        var members = [[Int]](repeating: [], count: images.classes.count)
        for index in 0..<images.count { members[images.label(index)].append(index) }
        return members
      }, subset: { try Subset($0, indices: $1) })
  }
}

extension Split where Images == any ImageDataset<[Int]> {
  /// At most `count` images of each part: those whose first class is the same take turns.
  package func limited(to count: Int, seed: UInt64) throws -> MultiLabelSplit {
    try limited(
      to: count, seed: seed, size: { $0.count },
      members: { images in
        var members = [[Int]](repeating: [], count: images.classes.count + 1)
        for index in 0..<images.count {
          members[images.target(index).first ?? images.classes.count].append(index)
        }
        return members
      }, subset: { try SubsetOf($0, indices: $1) })
  }
}
