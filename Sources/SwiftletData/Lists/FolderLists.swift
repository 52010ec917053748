// FolderLists.swift: the lists in a folder that has no class folders: labels.csv, or train.csv beside val.csv and test.csv.

import SwiftletFormats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Lists of images in a folder.
enum FolderLists {
  /// A file that may be a list, and the part that its name or its folder names.
  private struct Candidate {
    let path: String, name: String
    let part: Part?
  }

  /// The endings of lists.
  private static let endings = ["csv", "tsv", "txt", "lst"]
  /// A data set has a few lists; a folder may have a text for each image.
  private static let most = 16

  /// The images that the folder's lists name: those of the only list, or of one list for each part, whose names or folders say which
  /// (`train.csv` and `val.csv`, or `train/metadata.csv`).
  ///
  /// - Returns: `nil` where the folder has no list, or several of which none says which to take.
  /// - Throws: ``DatasetError`` where the only list is malformed, or the lists do not fit together.
  static func split(_ folder: String, options: DatasetOptions) throws -> DatasetSplit? {
    let candidates = candidates(folder)
    guard !candidates.isEmpty, candidates.count <= most else { return nil }
    var lists: [(candidate: Candidate, lines: LabeledLines)] = []
    var failures: [DatasetError] = []
    for candidate in candidates {
      do {
        lists.append((candidate, try LabeledLines(candidate.path)))
      } catch let error as DatasetError { failures.append(error) } catch is FormatError {
        // A text that cannot be read is no list.
      }
    }
    if lists.isEmpty, failures.count == 1, case .malformedLine = failures[0] { throw failures[0] }
    guard let first = lists.first else { return nil }
    if lists.count == 1 {
      return try CSVList.split([first.lines], path: first.candidate.path, options: options)
    }
    let parts = lists.compactMap(\.candidate.part)
    // A list that names parts itself is more than one part.
    guard parts.count == lists.count, Set(parts).count == parts.count, parts.contains(.training),
      lists.allSatisfy({ $0.lines.list.partColumn == nil })
    else { return nil }
    var remarks: [String] = []
    let labels = lists.contains { $0.candidate.part == .training && $0.lines.hasClassColumn }
    let usable = lists.filter { candidate, lines in
      // The test of a competition has no classes.
      guard labels, !lines.hasClassColumn else { return true }
      remarks.append("left out: \(candidate.name), which has no classes")
      return false
    }
    var split = try CSVList.split(
      usable.map { $0.lines.assigned($0.candidate.part) }, path: folder, options: options)
    for remark in remarks { split.notes.remark(remark) }
    return split
  }

  /// The texts in the folder itself, and in its folders that are called as parts.
  private static func candidates(_ folder: String) -> [Candidate] {
    func texts(_ folder: String) -> [String] {
      entries(folder).filter { name in
        let parts = name.split(separator: ".")
        return parts.count > 1 && !name.hasPrefix(".")
          && endings.contains(parts.last.map { $0.lowercased() } ?? "")
      }
    }
    var result = texts(folder).map { name in
      Candidate(
        path: "\(folder)/\(name)", name: name,
        part: Part(naming: name.split(separator: ".").dropLast().joined(separator: ".")))
    }
    for name in entries(folder) {
      guard let part = Part(naming: name) else { continue }
      result += texts("\(folder)/\(name)").map {
        Candidate(path: "\(folder)/\(name)/\($0)", name: "\(name)/\($0)", part: part)
      }
    }
    return result
  }

  private static func entries(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }
}
