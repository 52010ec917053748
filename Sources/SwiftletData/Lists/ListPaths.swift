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
struct ListPaths {
  /// One way.
  struct Way: Hashable {
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
  private let folders: ListFolders

  private static let sampleCount = 24
  private static let addedEndings = DataFileKind.endings.flatMap { [".\($0)", ".\($0.uppercased())"] }

  /// Learns from some entries of the list beside `folders`.
  init(_ entries: [String], _ folders: ListFolders) {
    base = folders.base
    self.folders = folders
    let entries = entries.filter { !$0.isEmpty }
    guard !entries.isEmpty else { return }
    let step = max(1, entries.count / Self.sampleCount)
    let sample = stride(from: 0, to: entries.count, by: step).map { entries[$0] }
    var missing = Set(sample.indices)
    func learn(_ way: Way) {
      let found = missing.filter { folders.file(sample[$0], way) != nil }
      // Another folder with files of the same names has to be seen, too.
      if !found.isEmpty || sample.prefix(3).contains(where: { folders.file($0, way) != nil }) {
        ways.append(way)
      }
      missing.subtract(found)
    }
    var isEnough: Bool { 2 * missing.count <= sample.count }
    learn(Way(folder: base))
    if !isEnough { for ending in Self.addedEndings { learn(Way(folder: base, ending: ending)) } }
    for level in isEnough ? [] : folders.levels {
      if isEnough { break }
      for folder in level { learn(Way(folder: folder)) }
      if !isEnough {
        let endings = Self.addedEndings.filter { ending in
          level.contains { folder in
            sample.prefix(4).contains { folders.file($0, Way(folder: folder, ending: ending)) != nil }
          }
        }
        for folder in level { for ending in endings { learn(Way(folder: folder, ending: ending)) } }
      }
      if !isEnough {
        let depth = min(12, sample.map { ListFolders.names($0).count }.max() ?? 1)
        for dropped in 1..<max(depth, 2) where !isEnough {
          for folder in [base] + level { learn(Way(folder: folder, dropped: dropped)) }
        }
      }
    }
    // Words may happen to be files, too; images they are not.
    let found = sample.indices.filter { !missing.contains($0) }.prefix(8)
      .compactMap { index in ways.lazy.compactMap { folders.file(sample[index], $0) }.first }
    guard found.contains(where: Self.isImage) else { return }
    share = Double(sample.count - missing.count) / Double(sample.count)
  }

  private static func isImage(_ path: String) -> Bool {
    guard !DataFileKind.hasImageEnding(path) else { return true }
    guard let head = try? FolderTree.head(path) else { return false }
    return DataFileKind(head: head, byteCount: head.count, name: path) == .image
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
      guard let path = folders.file(entry, way), path != result else { continue }
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

/// The folders around a list, each listed once.
final class ListFolders {
  private static let mostFolders = 200

  /// The list's own folder.
  let base: String
  private var contents: [String: Set<String>] = [:]

  init(list path: String) {
    base = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// Folders in the list's folder, those in them, then those beside it that are called like folders of images.
  private(set) lazy var levels: [[String]] = {
    let first = inside(base)
    let second = first.count <= 20 ? Array(first.flatMap { inside($0) }.prefix(Self.mostFolders)) : []
    let parent = ImageFolder.join(base, "..")
    let siblings = inside(parent) { TreeLayout.isContainer($0) || $0.lowercased().contains("image") }
    return [first, second, [parent], siblings]
  }()

  private func inside(_ folder: String, isMeant: (String) -> Bool = { _ in true }) -> [String] {
    names(in: folder).filter { !JunkNames.contains($0) && !DataFileKind.hasImageEnding($0) && isMeant($0) }
      .sorted(by: ClassTree.precedes).lazy.map { ImageFolder.join(folder, $0) }
      .filter { Self.type($0) == S_IFDIR }.prefix(Self.mostFolders).map { $0 }
  }

  private func names(in folder: String) -> Set<String> {
    if let known = contents[folder] { return known }
    let names = Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    contents[folder] = names
    return names
  }

  private static func type(_ path: String) -> mode_t? {
    var status = stat()
    return !path.utf8.contains(0) && stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// The path, where a file is there: looked up in its folder's listing, then on the disk.
  private func found(_ path: String) -> String? {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      return Self.type(path).map { $0 != S_IFDIR } == true ? path : nil
    }
    guard names(in: String(path[..<slash])).contains(String(path[path.index(after: slash)...])) else {
      return nil
    }
    // A link that leads nowhere is a file that cannot be read.
    return Self.type(path) == S_IFDIR ? nil : path
  }

  static func names(_ entry: String) -> [Substring] { entry.split { $0 == "/" || $0 == "\\" } }

  /// The file that an entry is by one way.
  func file(_ entry: String, _ way: ListPaths.Way) -> String? {
    if way.dropped == 0 {
      let path = entry + way.ending
      if entry.hasPrefix("/") { return found(path) }
      return found(ImageFolder.join(way.folder, path))
        ?? (entry.contains("\\")
          ? found(ImageFolder.join(way.folder, path.replacing("\\", with: "/"))) : nil)
    }
    let names = Self.names(entry).dropFirst(way.dropped)
    guard !names.isEmpty else { return nil }
    return found(ImageFolder.join(way.folder, names.joined(separator: "/") + way.ending))
  }
}
