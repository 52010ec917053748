// Files.swift: where tests find goldens, the shared data and a scratch folder.

import Foundation

/// Folders that tests read and write.
public enum Files {
  /// The root of the repository.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// `Tests/Goldens/<name>`: written by the scripts under `Scripts/goldens`, never by hand.
  public static func golden(_ name: String) -> URL { root.appending(path: "Tests/Goldens/\(name)") }

  /// `../shared/data/<path>`: real weights and photographs, not part of the project; `nil` where absent.
  public static func shared(_ path: String) -> URL? {
    let url = root.deletingLastPathComponent().appending(path: "shared/\(path)")
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }

  /// Whether the shared data is there; tests that need it are disabled by name where it is not.
  public static var hasShared: Bool { shared("data") != nil }

  /// Calls `body` with a fresh folder that is removed afterwards.
  public static func withScratch<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}
