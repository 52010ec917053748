// SafetensorsTests.swift: the safetensors format, read and written as Python's library does.

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

@Suite struct SafetensorsTests {
  @Test(arguments: ["all.safetensors", "plain.safetensors", "none.safetensors"])
  func whatPythonWroteIsRead(file: String) throws {
    check(try SafetensorsFile(contentsOf: golden(file)).tensors, try ExpectedTensor.of(file))
  }

  @Test func everyTypeIsReadAsItsNumbers() throws {
    let tensors = try SafetensorsFile(contentsOf: golden("all.safetensors")).tensors
    let floats = [0, -0.0, 1.5, -2.25, 65504, 5.9604644775390625e-8, .infinity, -.infinity]
    #expect(tensors["dtype.float16"]?.doubles() == floats)
    #expect(tensors["dtype.int16"]?.doubles() == [0, 1, -1, 32767, -32768, 42])
    #expect(tensors["dtype.uint32"]?.doubles() == [0, 1, 2_147_483_648, 4_294_967_295])
    #expect(tensors["dtype.bool"]?.doubles() == [1, 0, 1])
    #expect(tensors["shape.scalar"]?.shape == [])
    #expect(tensors["shape.empty"]?.shape == [0, 3])
    #expect(tensors["no such name"] == nil)
  }

  @Test func metadataIsRead() throws {
    #expect(try SafetensorsFile(contentsOf: golden("all.safetensors")).metadata == ["format": "pt"])
    #expect(try SafetensorsFile(contentsOf: golden("plain.safetensors")).metadata.isEmpty)
    let note = try SafetensorsFile(contentsOf: golden("none.safetensors"))
    #expect(note.metadata == ["note": "größe\n\"quoted\""])
    #expect(note.tensors.isEmpty)
  }

  @Test func tensorsShareTheMappedFile() throws {
    let tensors = try SafetensorsFile(contentsOf: golden("plain.safetensors")).tensors
    let ends = tensors.map { element in
      element.tensor.withUnsafeBytes { (UInt(bitPattern: $0.baseAddress), $0.count) }
    }
    #expect(tensors.names == ["a", "b"])
    #expect(ends[0].0 + UInt(ends[0].1) == ends[1].0)
  }

  @Test(arguments: ["all.safetensors", "plain.safetensors", "none.safetensors"])
  func writingWhatWasReadGivesPythonsBytes(file: String) throws {
    let contents = try SafetensorsFile(contentsOf: golden(file))
    try Files.withScratch { folder in
      let path = folder.appending(path: "copy.safetensors").path
      // The order given must not matter.
      let reversed = try NamedTensors(contents.tensors.reversed())
      try SafetensorsFile.write(reversed, metadata: contents.metadata, to: path)
      #expect(try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: URL(filePath: golden(file))))
    }
  }

  @Test func aCheckpointSurvivesBeingWrittenAndRead() throws {
    let tensors = try PyTorchCheckpoint(contentsOf: golden("training.zip.2.pth")).tensors
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.safetensors").path
      try SafetensorsFile.write(tensors, metadata: ["b": "2", "a": "\u{1}\u{1F}\u{8}\u{C}/\u{7F}"], to: path)
      let back = try SafetensorsFile(contentsOf: path)
      #expect(back.metadata == ["b": "2", "a": "\u{1}\u{1F}\u{8}\u{C}/\u{7F}"])
      #expect(back.tensors.count == 30)
      for (name, tensor) in tensors {
        let copy = try #require(back.tensors[name])
        #expect(copy.shape == tensor.shape && copy.scalarType == tensor.scalarType, "\(name)")
        #expect(copy.withUnsafeBytes { Array($0) } == tensor.withUnsafeBytes { Array($0) }, "\(name)")
      }
    }
  }

  @Test func aFileMayBeReplacedWhileItsTensorsAreInUse() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.safetensors").path
      let ones = try Tensor(shape: [3], floats: [1, 1, 1])
      try SafetensorsFile.write([("a", ones)], to: path)
      let old = try SafetensorsFile(contentsOf: path)
      try SafetensorsFile.write([("a", Tensor(shape: [1], floats: [2]))], to: path)
      #expect(old.tensors["a"]?.floats() == [1, 1, 1])
      #expect(try SafetensorsFile(contentsOf: path).tensors["a"]?.floats() == [2])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["net.safetensors"])
    }
  }

  @Test func whatTheReferenceReadsBeyondItsOwnStyleIsReadToo() throws {
    // White space, escapes, another order of keys, a key that is not known, null metadata, data in another
    // order than the header, tensors without elements at the seams.
    let header =
      #"{ "__metadata__" : null,"b\u00e9\ud83d\ude00": {"data_offsets":[1,2],"extra":[{"x":[-1.5e+3,true,null]}],"#
      + #""shape":[],"dtype":"U8"},"# + "\n\t" + #""z":{"dtype":"F32","shape":[0],"data_offsets":[1,1]},"#
      + #""a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"# + "   "
    try Files.withScratch { folder in
      let path = folder.appending(path: "odd.safetensors").path
      try Data(safetensors(header, data: 2)).write(to: URL(filePath: path))
      let file = try SafetensorsFile(contentsOf: path)
      #expect(file.tensors.names == ["a", "z", "bé😀"])
      #expect(file.tensors["bé😀"]?.doubles() == [7])
      #expect(file.metadata.isEmpty)
    }
  }

  @Test func namesAreComparedByteByByte() throws {
    // "é" in one scalar and in two: two names for JSON and Python, one string for Swift.
    let tensors = try NamedTensors([
      ("\u{E9}", Tensor(shape: [1], floats: [1])), ("e\u{301}", Tensor(shape: [1], floats: [2])),
    ])
    #expect(tensors["\u{E9}"]?.floats() == [1])
    #expect(tensors["e\u{301}"]?.floats() == [2])
  }

  // MARK: Refusals

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, "it ends where"),
    (#"["a"]"#, "does not begin with '{'"),
    (#" {}"#, "does not begin with '{'"),
    (#"{}x"#, "text follows"),
    (#"{}"#, "cover 0 bytes of the data, which has 8"),
    (#"{"a":1}"#, "tensor 'a': '{' is expected at byte 5"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}"#, "tensor 'a': the name occurs twice"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, "'__metadata__' occurs twice"),
    (#"{"__metadata__":{"k":"1","k":"2"}}"#, "in '__metadata__', 'k' occurs twice"),
    (#"{"__metadata__":{"k":1}}"#, "in '__metadata__', a string is expected"),
    (#"{"__metadata__":[]}"#, "in '__metadata__', '{' is expected"),
    (#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "'dtype' occurs twice"),
    (#"{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}"#, "'shape' occurs twice"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}"#, "twice"),
    (#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, "tensor 'a': the dtype 'F8_E4M3'"),
    (#"{"a":{"dtype":7,"shape":[8],"data_offsets":[0,8]}}"#, "tensor 'a': a string is expected"),
    (#"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, "has no 'dtype'"),
    (#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, "has no 'shape'"),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, "has no two 'data_offsets'"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}"#, "has no two 'data_offsets'"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}"#, "more than 2 numbers"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "takes 8 bytes, but the offsets 0 and 4"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "8 and 0 are out of order"),
    (#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, "ends at byte 16 of the data, which has 8"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "cover 4 bytes of the data, which has 8"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "begins at byte 4 of the data; nothing"),
    (
      #"{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
      "tensor 'b': begins at byte 3 of the data, inside another"
    ),
    (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "a whole number is expected"),
    (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "not a whole number"),
    (#"{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}"#, "not a whole number"),
    (#"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#, "begins with a zero"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}"#, "too large"),
    (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, "too large"),
    (#"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}}"#, "too large"),
    (#"{"a\q":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "has no meaning"),
    (#"{"a\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "has no meaning"),
    (#"{"a\ud800\u0041":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "has no meaning"),
    (#"{"a\u12":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "four hexadecimal digits"),
    ("{\"a\nb\":{}}", "control character"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":01}}"#, "begins with a zero"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":tru}}"#, "a value is expected"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":[1}}}"#, "']' is expected"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],}}"#, "a string is expected"),
  ])
  func aHeaderThatBreaksARuleIsRefused(header: String, reason: String) throws {
    let line = try refuse(safetensors(header, data: 8))
    #expect(line.contains(reason), "\(line)")
  }

  @Test func aHeaderThatClaimsAnExabyteIsRefused() throws {
    let header = Array(#"{"a":{}}"#.utf8)
    #expect(
      try refuse(littleEndian(UInt64(1) << 60) + header)
        == "file: safetensors: the header claims 1152921504606846976 bytes; 100000000 are allowed")
    #expect(
      try refuse(littleEndian(UInt64.max) + header).contains("claims 18446744073709551615 bytes"))
    #expect(
      try refuse(littleEndian(UInt64(9)) + header)
        == "file: safetensors: the header claims 9 bytes, but the file ends after 8")
  }

  @Test func shortFilesAreRefused() throws {
    for count in 1..<8 {
      let line = try refuse([UInt8](repeating: 0, count: count))
      #expect(
        line == "file: safetensors: the file has \(count) bytes, which is less than the length of a header")
    }
    #expect(try refuse(littleEndian(UInt64(0))).contains("does not begin with '{'"))
  }

  @Test func deepNestingIsRefusedWithoutDescending() throws {
    for opening in ["[", #"{"x":"#] {
      let deep = String(repeating: opening, count: 1_000_000)
      let line = try refuse(safetensors(#"{"a":{"x":"# + deep))
      #expect(line == "file: tensor 'a': values are nested more than 64 deep")
    }
  }

  @Test func aHugeRankIsRefused() throws {
    let ones = String(repeating: "1,", count: 1_000_000)
    let line = try refuse(safetensors(#"{"a":{"dtype":"U8","shape":["# + ones + "1]"))
    #expect(line == "file: tensor 'a': a list has more than 64 numbers")
  }

  @Test func textThatIsNotUTF8IsRefused() throws {
    let bytes = Array(#"{"a"#.utf8) + [0xFF] + Array(#"":{}}"#.utf8)
    #expect(try refuse(littleEndian(UInt64(bytes.count)) + bytes).contains("is not UTF-8"))
  }

  @Test func namesFromAFileCannotBreakTheLine() throws {
    let name = #"a\n\u2028\u001b[31m"# + String(repeating: "x", count: 100_000)
    let line = try refuse(safetensors("{\"\(name)\":{}}"))
    #expect(line.hasPrefix("file: tensor 'a???[31mxxx") && line.hasSuffix("…': has no 'dtype'"))
  }

  @Test func everyTruncationIsRefused() throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: golden("all.safetensors"))))
    try Files.withScratch { folder in
      let path = folder.appending(path: "cut").path
      try Data(bytes).write(to: URL(filePath: path))
      for count in (1..<bytes.count).reversed() {
        #expect(truncate(path, off_t(count)) == 0)
        let line = message(under: folder) { try SafetensorsFile(contentsOf: path) }
        if line.isEmpty { Issue.record("\(count) bytes are read") }
      }
    }
  }

  @Test func namesThatCannotBeWrittenAreRefused() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "new.safetensors").path
      let one = try Tensor(shape: [1], floats: [1])
      let deep = try Tensor(shape: Shape([Int](repeating: 1, count: 65)), floats: [1])
      func refusal(_ tensors: [(name: String, tensor: Tensor)]) -> String {
        message(under: folder) { try SafetensorsFile.write(tensors, to: path) }
      }
      #expect(refusal([("a", one), ("a", one)]).hasSuffix("cannot write: the name 'a' occurs twice"))
      #expect(refusal([("__metadata__", one)]).hasSuffix("no tensor can be called '__metadata__'"))
      #expect(refusal([("a", deep)]).hasSuffix("'a' has more than 64 dimensions"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func whereNothingCanBeWrittenNothingIsLeft() throws {
    try Files.withScratch { folder in
      let one = try Tensor(shape: [1], floats: [1])
      let file = folder.appending(path: "file").path
      try Data([1]).write(to: URL(filePath: file))
      for target in ["missing/net.safetensors", "file/net.safetensors", ""] {
        let path = folder.appending(path: target).path
        #expect(
          !message(under: folder) { try SafetensorsFile.write([("a", one)], to: path) }.isEmpty, "\(target)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
      #expect(try Data(contentsOf: URL(filePath: file)) == Data([1]))
    }
    // No user may make files here, not even root.
    #expect(throws: AtomicFileError.self) {
      try SafetensorsFile.write([("a", Tensor(shape: [1], floats: [1]))], to: "/proc/net.safetensors")
    }
  }

  private func refuse(_ bytes: [UInt8]) throws -> String {
    try refusal(bytes) { try SafetensorsFile(contentsOf: $0) }
  }
}
