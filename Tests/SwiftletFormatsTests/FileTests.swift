// FileTests.swift: mapping files, telling their kinds apart, and SHA-256.

import Foundation
import SwiftletCore
import SwiftletFormats
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct FileTests {
  @Test func aMappedFileHasTheFilesBytes() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "bytes").path
      let bytes = (0..<10_000).map { UInt8($0 % 251) }
      try Data(bytes).write(to: URL(filePath: path))
      let file = try MappedFile(contentsOf: path)
      #expect(file.byteCount == 10_000)
      let link = folder.appending(path: "link").path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      let linked = try MappedFile(contentsOf: link)
      // The mapping outlives the name.
      try FileManager.default.removeItem(atPath: path)
      #expect(file.storage.withUnsafeBytes { Array($0) } == bytes)
      #expect(linked.storage.withUnsafeBytes { Array($0) } == bytes)
    }
  }

  @Test func whatIsNoFileIsRefusedByEveryReader() throws {
    try Files.withScratch { folder in
      let readers: [(String) throws -> Void] = [
        { _ = try MappedFile(contentsOf: $0) }, { _ = try SafetensorsFile(contentsOf: $0) },
        { _ = try PyTorchCheckpoint(contentsOf: $0) }, { _ = try WeightFile.read($0) },
      ]
      let empty = folder.appending(path: "empty").path
      try Data().write(to: URL(filePath: empty))
      let pipe = folder.appending(path: "pipe").path
      #expect(mkfifo(pipe, 0o600) == 0)
      let loop = folder.appending(path: "loop").path
      try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
      for read in readers {
        func line(_ name: String) -> String {
          message(under: folder) { try read(folder.appending(path: name).path) }
        }
        #expect(line("empty") == "empty: cannot read: the file is empty")
        #expect(line("pipe") == "pipe: cannot read: is a pipe, not a file")
        #expect(line("missing") == "missing: cannot read: no such file")
        #expect(line("empty/below") == "empty/below: cannot read: no such file")
        #expect(line("").hasSuffix("cannot read: is a folder"))
        #expect(line("loop").hasPrefix("loop: cannot read: "))
        for path in ["/dev/null", "/dev/zero"] {
          #expect(throws: FormatError.unreadable(file: path, reason: "is a device or a socket, not a file")) {
            try read(path)
          }
        }
        for path in ["", "a\0b"] {
          #expect(throws: FormatError.unreadable(file: path, reason: "not a file name")) { try read(path) }
        }
      }
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read every file"))
  func aFileThatMayNotBeReadIsRefused() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "secret").path
      try Data([1]).write(to: URL(filePath: path))
      #expect(chmod(path, 0) == 0)
      #expect(
        message(under: folder) { try MappedFile(contentsOf: path) } == "secret: cannot read: no permission")
    }
  }

  @Test func digestsAreThoseOfTheStandard() throws {
    // FIPS 180-4's examples, and nothing at all.
    #expect(
      try Digest.sha256("abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      try Digest.sha256([UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    let million = [UInt8](repeating: 0x61, count: 1_000_000)
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(try Digest.sha256(million) == expected)
    #expect(try Digest.sha256(million.lazy.map { $0 }) == expected)
    try Files.withScratch { folder in
      let path = folder.appending(path: "file").path
      try Data(million + million).write(to: URL(filePath: path))
      #expect(try Digest.sha256(ofFile: path) == Digest.sha256(million + million))
      try Data().write(to: URL(filePath: path))
      #expect(try Digest.sha256(ofFile: path) == Digest.sha256([]))
      #expect(message(under: folder) { try Digest.sha256(ofFile: folder.path) }.hasSuffix("is a folder"))
    }
  }

  @Test func filesAreToldApartByTheirContent() throws {
    try Files.withScratch { folder in
      // Misleading names do not matter.
      for (source, name) in [
        ("all.safetensors", "a.pth"), ("bare.zip.pth", "b.safetensors"), ("bare.legacy.pth", "c"),
      ] {
        let path = folder.appending(path: name).path
        try FileManager.default.copyItem(atPath: golden(source), toPath: path)
        let contents = try WeightFile.read(path)
        #expect(contents.format == (name == "a.pth" ? .safetensors : .pyTorch))
        #expect(contents.metadata == (name == "a.pth" ? ["format": "pt"] : [:]))
        check(contents.tensors, try ExpectedTensor.of(source))
      }
    }
  }

  @Test(arguments: [0x180, 0x280, 0x480, 0x580])
  func aHeadersLengthThatLooksLikeAPickleIsNone(length: Int) throws {
    let header = "{}" + String(repeating: " ", count: length - 2)
    try Files.withScratch { folder in
      let path = folder.appending(path: "weights").path
      try Data(safetensors(header)).write(to: URL(filePath: path))
      #expect(try WeightFile.read(path).format == .safetensors)
    }
  }

  @Test(arguments: [
    ("\u{1C}\0\0\0TFL3", "is a TFLite file, which is not supported yet"),
    ("<!DOCTYPE html>", "is a web page or XML, not a weight file; was the download refused?"),
    ("\u{7F}HDF\r\n\u{1A}\n", "is an HDF5 file (Keras), which is not supported"),
    ("weights", "is no weight file that is known: safetensors and PyTorch checkpoints are read"),
    ("\0", "is no weight file that is known: safetensors and PyTorch checkpoints are read"),
    (
      String(repeating: "x", count: 257) + "ustar",
      "is a tar archive; PyTorch before 0.1.10 wrote such checkpoints, which are not read"
    ),
  ])
  func otherFilesAreNamed(content: String, reason: String) throws {
    #expect(try refusal(Array(content.utf8)) { try WeightFile.read($0) } == "file: \(reason)")
    let line = try checkpointRefusal(Array(content.utf8))
    #expect(line == "net.pth: is no PyTorch checkpoint: neither a zip archive nor the older form's pickle")
  }

  @Test func namesMayNotRepeat() throws {
    let one = try Tensor(shape: [1], floats: [1])
    #expect(throws: FormatError.malformedTensor(file: "f", tensor: "a", reason: "the name occurs twice")) {
      try NamedTensors([("a", one), ("b", one), ("a", one)], file: "f")
    }
  }
}
