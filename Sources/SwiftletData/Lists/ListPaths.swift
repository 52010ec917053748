// ListPaths.swift: the files that the entries of a list mean.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The way from a list's entries to files, learned from some of them.
///
/// Entries may be relative to the list's folder, to a folder in it or beside it; their ending may be missing; and they may
/// begin with folders of another machine.
struct ListPaths: Sendable {
  /// One way.
  struct Way: Sendable, Hashable {
    let folder: String
    /// Names at the beginning that are dropped.
    var dropped = 0
    /// The ending that is added.
    var ending = ""
  }

  private(set) var ways: [Way] = []
  /// The share of the sample that was found.
  private(set) var share = 0.0
  private let base: String

  private static let sampleCount = 24
  private static let mostFolders = 200
  private static let addedEndings = FileKind.endings.flatMap { [".\($0)", ".\($0.uppercased())"] }

  /// Learns from some entries of the list at `path`.
  init(_ entries: [String], list path: String) {
    base = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let entries = entries.filter { !$0.isEmpty }
    guard !entries.isEmpty else { return }
    let step = max(1, entries.count / Self.sampleCount)
    let sample = stride(from: 0, to: entries.count, by: step).map { entries[$0] }
    var missing = Set(sample.indices)
    func learn(_ way: Way) {
      let found = missing.filter { Self.file(sample[$0], way) != nil }
      // Another folder with files of the same names has to be seen, too.
      if !found.isEmpty || sample.prefix(3).contains(where: { Self.file($0, way) != nil }) { ways.append(way) }
      missing.subtract(found)
    }
    var isEnough: Bool { 2 * missing.count <= sample.count }
    learn(Way(folder: base))
    if !isEnough { for ending in Self.addedEndings { learn(Way(folder: base, ending: ending)) } }
    for level in isEnough ? [] : Self.folders(around: base) {
      if isEnough { break }
      for folder in level { learn(Way(folder: folder)) }
      if !isEnough {
        let endings = Self.addedEndings.filter { ending in
          level.contains { folder in sample.prefix(4).contains { Self.file($0, Way(folder: folder, ending: ending)) != nil } }
        }
        for folder in level { for ending in endings { learn(Way(folder: folder, ending: ending)) } }
      }
      if !isEnough {
        let depth = min(12, sample.map { Self.names($0).count }.max() ?? 1)
        for dropped in 1..<max(depth, 2) where !isEnough {
          for folder in [base] + level { learn(Way(folder: folder, dropped: dropped)) }
        }
      }
    }
    share = Double(sample.count - missing.count) / Double(sample.count)
  }

  private static func names(_ entry: String) -> [Substring] {
    entry.split { $0 == "/" || $0 == "\\" }
  }

  /// Folders in the list's folder, then those beside it.
  private static func folders(around base: String) -> [[String]] {
    func inside(_ folder: String) -> [String] {
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
      return names.filter { !JunkNames.contains($0) && !FileKind.hasImageEnding($0) }.sorted(by: ClassTree.precedes)
        .map { ImageFolder.join(folder, $0) }.filter(isFolder).prefix(mostFolders).map { $0 }
    }
    let first = inside(base)
    let second = first.count <= 20 ? Array(first.flatMap(inside).prefix(mostFolders)) : []
    let parent = ImageFolder.join(base, "..")
    return [first, second, [parent], inside(parent)]
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func isFile(_ path: String) -> Bool {
    guard !path.utf8.contains(0) else { return false }
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
  }

  private static func file(_ entry: String, _ way: Way) -> String? {
    func found(_ path: String) -> String? { isFile(path) ? path : nil }
    if way.dropped == 0 {
      let path = entry + way.ending
      if entry.hasPrefix("/") { return found(path) }
      return found(ImageFolder.join(way.folder, path))
        ?? (entry.contains("\\")
          ? found(ImageFolder.join(way.folder, path.replacing("\\", with: "/"))) : nil)
    }
    let names = names(entry).dropFirst(way.dropped)
    guard !names.isEmpty else { return nil }
    return found(ImageFolder.join(way.folder, names.joined(separator: "/") + way.ending))
  }

  /// A file of the list.
  enum Found: Equatable {
    case file(String)
    case missing
    /// Two files that an entry could mean.
    case two(String, String)
  }

  /// The file that an entry means.
  func find(_ entry: String) -> Found {
    var result: String?
    for way in ways {
      guard let path = Self.file(entry, way), path != result else { continue }
      guard let other = result else {
        result = path
        // The list's own folder comes first: an entry that is right as it stands means nothing else.
        if way.folder == base { return .file(path) }
        continue
      }
      return .two(other, path)
    }
    return result.map { .file($0) } ?? .missing
  }

  /// How the entries are understood, where they are not paths from the list's folder: ` (in images/, with .jpg added)`.
  var note: String {
    guard let way = ways.first(where: { $0.folder != base || $0.dropped > 0 || !$0.ending.isEmpty }),
      ways.first != Way(folder: base)
    else { return "" }
    var words: [String] = []
    let folders = Set(ways.map(\.folder)).subtracting([base]).sorted()
    if !folders.isEmpty {
      words.append("in " + folders.prefix(3).map { Self.relative($0, to: base) }.joined(separator: ", "))
    }
    if way.dropped > 0 {
      words.append("without \(way.dropped == 1 ? "the first folder" : "the first \(way.dropped) folders")")
    }
    let endings = Set(ways.map(\.ending)).subtracting([""]).sorted()
    if !endings.isEmpty { words.append("with \(endings.joined(separator: " or ")) added") }
    return words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
  }

  private static func relative(_ folder: String, to base: String) -> String {
    (folder.hasPrefix(base + "/") ? String(folder.dropFirst(base.count + 1)) : folder) + "/"
  }
}
