// PhotoList.swift: files and folders on the command line as a list of images.

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

/// Images that a command line names.
enum PhotoList {
  /// Endings of the formats that are read; only used to choose among the files of a folder.
  private static let endings = ["jpg", "jpeg", "jpe", "png", "webp", "bmp"]

  /// Each file as it is, and each folder's images in the order of their names (not those of its subfolders).
  ///
  /// - Throws: ``UsageError`` where a folder cannot be read or has no image.
  static func expand(_ arguments: [String]) throws -> (files: [String], hasFolder: Bool) {
    var files: [String] = []
    var hasFolder = false
    for argument in arguments {
      guard isFolder(argument) else {
        files.append(argument)
        continue
      }
      hasFolder = true
      let names: [String]
      do { names = try FileManager.default.contentsOfDirectory(atPath: argument) } catch {
        throw UsageError("\(argument): the folder cannot be read")
      }
      let images = names.filter { name in
        guard !name.hasPrefix("."), let dot = name.lastIndex(of: ".") else { return false }
        return endings.contains(name[name.index(after: dot)...].lowercased())
      }
      guard !images.isEmpty else {
        throw UsageError("\(argument): the folder has no images (\(endings.joined(separator: ", ")))")
      }
      files += images.sorted().map { argument.hasSuffix("/") ? argument + $0 : "\(argument)/\($0)" }
    }
    return (files, hasFolder)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
