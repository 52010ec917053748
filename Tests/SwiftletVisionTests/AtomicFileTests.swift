// AtomicFileTests.swift: a file is written whole or not at all.

import Foundation
import SwiftletCore
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  struct Stop: Error, Equatable {}

  private func write(_ text: String, to path: String) throws {
    try AtomicFile.write(to: path) { append in
      for piece in text.split(separator: " ", omittingEmptySubsequences: false) {
        try Array(piece.utf8).withUnsafeBytes(append)
      }
    }
  }

  private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func piecesAreWrittenInOrderAndReplaceWhatWasThere() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "weights.bin").path
      try write("one two three", to: path)
      #expect(try read(path) == "onetwothree")
      #expect(chmod(path, 0o640) == 0)
      try write("four", to: path)
      #expect(try read(path) == "four")
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o640)
      try AtomicFile.write(to: path) { _ in }
      #expect(try read(path) == "")
      #expect(try names(folder) == ["weights.bin"])
    }
  }

  @Test func aFailureHalfwayLeavesTheOldFileAndNothingElse() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "weights.bin").path
      try write("old", to: path)
      #expect(throws: Stop()) {
        try AtomicFile.write(to: path) { append in
          try [UInt8](repeating: 1, count: 100_000).withUnsafeBytes(append)
          throw Stop()
        }
      }
      #expect(try read(path) == "old")
      let fresh = folder.appending(path: "fresh.bin").path
      #expect(throws: Stop()) { try AtomicFile.write(to: fresh) { _ in throw Stop() } }
      #expect(try names(folder) == ["weights.bin"])
    }
  }

  @Test func aSymbolicLinkStaysALink() throws {
    try Files.withScratch { folder in
      let (path, link) = (folder.appending(path: "real").path, folder.appending(path: "link").path)
      try write("old", to: path)
      #expect(symlink("real", link) == 0)
      try write("new", to: link)
      #expect(try read(path) == "new")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real")
    }
  }

  @Test func placesThatCannotBeWrittenAreNamed() throws {
    try Files.withScratch { folder in
      let missing = folder.appending(path: "missing/file").path
      #expect(throws: AtomicFileError.noFolder(path: missing)) { try write("x", to: missing) }
      #expect(throws: AtomicFileError.isFolder(path: folder.path)) { try write("x", to: folder.path) }
      let slash = folder.appending(path: "new").path + "/"
      #expect(throws: AtomicFileError.isFolder(path: slash)) { try write("x", to: slash) }
      let file = folder.appending(path: "file").path
      try write("x", to: file)
      #expect(throws: AtomicFileError.noFolder(path: file + "/below")) { try write("x", to: file + "/below") }
      let pipe = folder.appending(path: "pipe").path
      #expect(mkfifo(pipe, 0o600) == 0)
      #expect(throws: AtomicFileError.notAFile(path: pipe)) { try write("x", to: pipe) }
      #expect(throws: AtomicFileError.notAFile(path: "/dev/full")) { try write("x", to: "/dev/full") }
      #expect(throws: AtomicFileError.invalidName(path: "")) { try write("x", to: "") }
      #expect(throws: AtomicFileError.invalidName(path: "a\0b")) { try write("x", to: "a\0b") }
      #expect(try names(folder) == ["file", "pipe"])
    }
  }

  @Test func aFolderOnAReadOnlySystemIsNamed() throws {
    // Even the superuser cannot create files here.
    let path = "/proc/self/swiftlet"
    let error = try #require(#expect(throws: AtomicFileError.self) { try write("x", to: path) })
    #expect(isOneLine(error, naming: path))
  }

  @Test func descriptionsAreOneLine() {
    let errors: [AtomicFileError] = [
      .noFolder(path: "a\nb"), .isFolder(path: "a\nb"), .notAFile(path: "a\nb"), .invalidName(path: "a\nb"),
      .notPermitted(path: "a\nb"), .diskFull(path: "a\nb"), .failed(path: "a\nb", reason: "one\ntwo"),
    ]
    for error in errors { #expect(isOneLine(error, naming: "a?b: cannot write: "), "\(error)") }
    #expect(AtomicFileError.diskFull(path: "x").description == "x: cannot write: the disk is full")
  }
}
