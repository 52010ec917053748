// HostileZipTests.swift: zip archives that lie about what is in them.

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

@Suite struct HostileZipTests {
  /// A sound archive: a tensor of four floats.
  private var sound: ZipMaker {
    var zip = ZipMaker()
    zip.add("archive/data.pkl", PickleMaker.dictionary { $0.tensor([4], strides: [1], count: 4) })
    zip.add("archive/data/0", [UInt8](repeating: 1, count: 16))
    return zip
  }

  @Test func theSoundArchiveIsRead() throws {
    #expect(try checkpointRefusal(sound.bytes()).isEmpty)
    var long = sound
    long.longCount = 2
    #expect(try checkpointRefusal(long.bytes()).isEmpty)
  }

  @Test func aBombIsRefusedBeforeItIsInflated() throws {
    // 20 MiB of zeros in 20 KB.
    let path = golden("refused-bomb.pth")
    let error = #expect(throws: FormatError.self) { try PyTorchCheckpoint(contentsOf: path) }
    let line = try #require(error?.description)
    #expect(line.contains("zip: its entries claim to unpack to more than 16777216 bytes"), "\(line)")
  }

  @Test func sizesThatLieAreRefused() throws {
    var zip = sound
    zip.entries[1].size = 0xFFFF_FFFE
    #expect(
      try checkpointRefusal(zip.bytes()).contains("is stored, but claims 16 bytes packed and 4294967294 not"))
    zip.entries[1].packedSize = 0xFFFF_FFFE
    #expect(try checkpointRefusal(zip.bytes()).contains("claims 4294967294 bytes, more than the file has"))
    zip = sound
    zip.entries[1].method = 8
    zip.entries[1].size = 0xFFFF_FFFE
    #expect(try checkpointRefusal(zip.bytes()).contains("unpack to more than 16777216 bytes"))
    // Below the limit, but not what is there.
    zip.entries[1].size = 1 << 20
    #expect(!(try checkpointRefusal(zip.bytes()).isEmpty))
    // Less than what is there: a part of a tensor is no tensor.
    zip = sound
    zip.entries[1].size = 12
    zip.entries[1].packedSize = 12
    #expect(!(try checkpointRefusal(zip.bytes()).isEmpty))
  }

  @Test func manyEntriesOfTheSameBytesAreRefused() throws {
    var zip = sound
    zip.add("archive/kernel", [UInt8](repeating: 0, count: 10_000))
    for index in 0..<300 {
      var entry = ZipMaker.Entry(name: "archive/data/\(index + 1)", content: [])
      entry.size = 10_000
      entry.packedSize = 10_000
      entry.offset = 0
      zip.entries.append(entry)
    }
    #expect(
      try checkpointRefusal(zip.bytes()).contains("claim more bytes than the file has, so some share them"))
  }

  @Test func aDirectoryThatClaimsABillionEntriesIsRefusedAtOnce() throws {
    for count in [200_001, 1_000_000_000, UInt64.max] {
      var zip = sound
      zip.longCount = count
      #expect(try checkpointRefusal(zip.bytes()) == "net.pth: zip: it claims more than 200000 entries")
    }
  }

  @Test func aWrongChecksumIsRefused() throws {
    for index in 0..<2 {
      var zip = sound
      zip.entries[index].checksum = 1
      let line = try checkpointRefusal(zip.bytes())
      #expect(line.hasPrefix("net.pth: zip: the entry '\(zip.entries[index].name)': "), "\(line)")
      #expect(line.lowercased().contains("crc"), "\(line)")
    }
  }

  @Test func otherPackingsAreRefused() throws {
    for method: UInt16 in [1, 9, 12, 14, 93, 95] {
      var zip = sound
      zip.entries[1].method = method
      let line = try checkpointRefusal(zip.bytes())
      #expect(line.contains("the entry 'archive/data/0' is packed by method \(method)"), "\(line)")
    }
    var zip = sound
    zip.entries[1].flags = 1
    #expect(try checkpointRefusal(zip.bytes()).contains("the entry 'archive/data/0' is encrypted"))
  }

  @Test func namesThatOccurTwiceAreRefused() throws {
    var zip = sound
    zip.add("archive/data/0", [UInt8](repeating: 2, count: 16))
    #expect(try checkpointRefusal(zip.bytes()).contains("the entry 'archive/data/0' occurs twice"))
    zip = sound
    zip.add("other/data.pkl", [])
    #expect(try checkpointRefusal(zip.bytes()).contains("it has 2 entries 'data.pkl'"))
  }

  @Test func otherArchivesAreRefused() throws {
    var zip = ZipMaker()
    let reason = "net.pth: is a zip archive, but no PyTorch checkpoint: it has 0 entries 'data.pkl'"
    #expect(!(try checkpointRefusal(zip.bytes()).isEmpty))
    zip.add("weights.npy", [1, 2, 3])
    #expect(try checkpointRefusal(zip.bytes()) == reason)
  }

  @Test func aPickleThatIsTooLargeIsRefused() throws {
    var zip = ZipMaker()
    var pickle = ZipMaker.Entry(name: "archive/data.pkl", content: [UInt8](repeating: 0x4E, count: 65 << 20))
    pickle.checksum = 1
    zip.entries.append(pickle)
    #expect(
      try checkpointRefusal(zip.bytes()).contains("its data.pkl has 68157440 bytes; 67108864 are allowed"))
  }

  @Test(arguments: ["training.zip.2.pth", "deflated.pth", "training.legacy.2.pth", "bare.legacy.pth"])
  func everyTruncationIsRefused(file: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: golden(file))))
    try Files.withScratch { folder in
      let path = folder.appending(path: "cut").path
      try Data(bytes).write(to: URL(filePath: path))
      for count in (1..<bytes.count).reversed() {
        #expect(truncate(path, off_t(count)) == 0)
        let line = message(under: folder) { try PyTorchCheckpoint(contentsOf: path) }
        if line.isEmpty { Issue.record("\(count) bytes are read") }
      }
    }
  }
}
