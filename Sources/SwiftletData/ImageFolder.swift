// ImageFolder.swift: images in a folder for each class, or with their class in their names.

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

/// Images in one folder for each class; below it they may lie at any depth.
///
/// A folder without such sub-folders may hold files named `<class>_<anything>.jpg`. Classes, and the files of
/// each, are in the order of the bytes of their names. Files that are not images, and hidden ones, are ignored.
public struct ImageFolder: Dataset {
  public let classes: [String]
  private let root: String
  private let paths: [String]
  private let labels: [Int]

  /// Lists a folder of classes.
  ///
  /// - Throws: ``DatasetError``.
  public init(_ path: String) throws { try self.init(path, known: nil) }

  private init(_ path: String, known: [String]?) throws {
    let listed = try Self.tree(path).labeled(known: known)
    root = path
    classes = listed.classes
    paths = listed.files
    labels = listed.labels
  }

  /// Opens a folder with the sub-folders `train` and, for validation, `val`, `valid`, `validation` or `test`; without these,
  /// a folder of classes, of which a share is held out.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - holdOut: the share of each class that is held out where nothing else is for validation; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    let names = try folderNames(path)
    guard names.contains(ClassTree.training) else {
      return try DatasetSplit(holdingOut: holdOut, of: ImageFolder(path), seed: seed)
    }
    let training = try ImageFolder(join(path, ClassTree.training))
    guard let name = ClassTree.validation.first(where: names.contains) else {
      return try DatasetSplit(holdingOut: holdOut, of: training, seed: seed)
    }
    let validation = try ImageFolder(join(path, name), known: training.classes)
    return DatasetSplit(training: training, validation: validation)
  }

  public var count: Int { paths.count }
  public func name(_ index: Int) -> String { paths[index] }
  public func label(_ index: Int) -> Int { labels[index] }
  public func image(_ index: Int) throws -> RGBImage { try RGBImage(contentsOf: paths[index]) }
  public func fingerprint(_ index: Int) -> String {
    let path = paths[index]
    return Self.fingerprint(path.hasPrefix(root) ? String(path.dropFirst(root.count)) : path, file: path)
  }

  /// A name within a data set, and the size of a file; 0 bytes where it cannot be read.
  static func fingerprint(_ name: String, file: String) -> String {
    var status = stat()
    let bytes = stat(file, &status) == 0 ? Int(status.st_size) : 0
    return "\(name.drop { $0 == "/" }) \(bytes)"
  }

  // MARK: Listing

  /// A folder on the disk, whatever links lead to it.
  private struct Identity: Hashable {
    let device: UInt64, node: UInt64

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
      device = UInt64(truncatingIfNeeded: status.st_dev)
      node = UInt64(truncatingIfNeeded: status.st_ino)
    }
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  private static func contents(_ path: String) throws -> [String] {
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    guard Identity(path) != nil else {
      throw DatasetError.unreadable(path: path, reason: "it is not a folder")
    }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
        .filter { !ClassTree.isHidden($0) }.sorted(by: ClassTree.precedes)
    } catch {
      throw DatasetError.unreadable(path: path, reason: "no permission, or a broken disk")
    }
  }

  private static func folderNames(_ path: String) throws -> [String] {
    try contents(path).filter { Identity(join(path, $0)) != nil }
  }

  private static func tree(_ path: String) throws -> ClassTree {
    var tree = ClassTree(path: path)
    for name in try contents(path) {
      let child = join(path, name)
      if Identity(child) != nil {
        // Each folder counts once within a class, so that links that lead back up come to an end.
        var visited = Set([Identity(path)])
        var images: [String] = []
        try collect(child, &visited, &images)
        tree.folders.append((name, images))
      } else if ClassTree.isImage(name) {
        tree.loose.append(child)
      }
    }
    return tree
  }

  private static func collect(
    _ path: String, _ visited: inout Set<Identity?>, _ images: inout [String]
  ) throws {
    guard visited.insert(Identity(path)).inserted else { return }
    for name in try contents(path) {
      let child = join(path, name)
      // A link that leads nowhere is a broken image if its name ends like one.
      if Identity(child) != nil {
        try collect(child, &visited, &images)
      } else if ClassTree.isImage(name) {
        images.append(child)
      }
    }
  }
}
