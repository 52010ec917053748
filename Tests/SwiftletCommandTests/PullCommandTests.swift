// PullCommandTests.swift: pull from a mirror of our own: whole, resumed, wrong, missing and offline.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct PullCommandTests {
  static let fileName = "mobilenet_v2-b0353104.pth"

  private func environment(_ folder: URL, mirror: String) -> [String: String] {
    ["SWIFTLET_CACHE": folder.appending(path: "cache").path, "SWIFTLET_MIRROR": mirror]
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func aBrokenTransferIsContinued() throws {
    let published = try #require(Files.shared("data/weights/imagenet/\(Self.fileName)"))
    let mirror = published.deletingLastPathComponent().absoluteString
    try Files.withScratch { folder in
      let variables = environment(folder, mirror: mirror)
      let cache = folder.appending(path: "cache")
      try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
      let partial = cache.appending(path: Self.fileName + ".partial")
      try Data(contentsOf: published).prefix(5_000_000).write(to: partial)

      let run = try Tool.run(["pull", "mobilenet_v2", "--json"], environment: variables)
      #expect(run.status == 0, "\(run)")
      let result = try object(run.output)
      let path = try #require(result["file"] as? String)
      #expect(result["fetched"] as? Bool == true && path == cache.appending(path: Self.fileName).path)
      #expect(try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: published))
      #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path) == [Self.fileName])

      let again = try Tool.run(["pull", "mobilenet_v2"], environment: variables)
      #expect(again.status == 0 && again.output == path + "\n")
      let list = try Tool.run(["pull", "--list", "--json"], environment: variables)
      #expect(try list.lines.filter { try object($0)["cached"] as? Bool == true }.count == 1)

      // And classify finds them there.
      let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
      let classified = try Tool.run(["classify", photo, "--top", "1"], environment: variables)
      #expect(classified.output.contains("Granny Smith") && classified.errors.isEmpty, "\(classified)")

      try Data("damaged".utf8).write(to: URL(filePath: path))
      let damaged = try Tool.run(["pull", "mobilenet_v2"], environment: variables)
      #expect(damaged.isCleanFailure(naming: Self.fileName, "sha256"), "\(damaged)")
    }
  }

  @Test func aWrongFileIsRefusedAndLeavesNothing() throws {
    try Files.withScratch { folder in
      let mirror = folder.appending(path: "mirror")
      try FileManager.default.createDirectory(at: mirror, withIntermediateDirectories: true)
      try Data("somebody else's file".utf8).write(to: mirror.appending(path: Self.fileName))
      let run = try Tool.run(
        ["pull", "mobilenet_v2"], environment: environment(folder, mirror: mirror.absoluteString))
      #expect(run.isCleanFailure(naming: Self.fileName, "sha256 should begin b0353104"), "\(run)")
      let cache = folder.appending(path: "cache").path
      #expect(try FileManager.default.contentsOfDirectory(atPath: cache).isEmpty)
    }
  }

  @Test func aMissingFileAndAMissingServerAreTold() throws {
    try Files.withScratch { folder in
      let missing = try Tool.run(
        ["pull", "mobilenet_v2"],
        environment: environment(folder, mirror: folder.appending(path: "nowhere/").absoluteString))
      #expect(
        missing.isCleanFailure(naming: "the server does not have this file", Self.fileName), "\(missing)")
      // Port 9 of this machine: nobody listens there.
      let offline = try Tool.run(
        ["pull", "mobilenet_v2"], environment: environment(folder, mirror: "http://127.0.0.1:9"))
      #expect(offline.isCleanFailure(naming: "offline", Self.fileName, "b03531047ffacf1e"), "\(offline)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "cache").path).isEmpty)
    }
  }

  @Test func anUnwritableCacheIsTold() throws {
    let run = try Tool.run(
      ["pull", "mobilenet_v2"], environment: ["SWIFTLET_CACHE": "/proc/swiftlet"])
    #expect(run.isCleanFailure(naming: "/proc/swiftlet"), "\(run)")
  }

  @Test func everySourceIsANetworkOfTheZoo() throws {
    for source in WeightSource.all {
      _ = try Zoo.entry(named: source.network)
      let digits = Set("0123456789abcdef")
      #expect(source.sha256.count >= 8 && source.sha256.allSatisfy(digits.contains))
      #expect(
        source.url.hasPrefix("https://") && source.fileName.hasSuffix("-\(source.sha256.prefix(8)).pth"))
    }
    #expect(Set(WeightSource.all.map(\.name)).count == WeightSource.all.count)
  }
}
