// PyTorchCheckpointTests.swift: checkpoints that PyTorch wrote, read as PyTorch reads them.

import Foundation
import SwiftletCore
import TestSupport
import Testing

import SwiftletFormats

@Suite struct PyTorchCheckpointTests {
  @Test(arguments: ["zip", "legacy"], 2...5)
  func aTrainingCheckpointGivesItsStateDict(form: String, pickleProtocol: Int) throws {
    let file = "training.\(form).\(pickleProtocol).pth"
    let expected = try ExpectedTensor.of(file)
    #expect(expected.count == 30)
    check(try PyTorchCheckpoint(contentsOf: golden(file)).tensors, expected)
  }

  @Test(arguments: ["bare.zip.pth", "bare.legacy.pth", "parallel.pth", "averaged.pth", "deflated.pth"])
  func aNetworksStateDictIsRead(file: String) throws {
    let tensors = try PyTorchCheckpoint(contentsOf: golden(file)).tensors
    check(tensors, try ExpectedTensor.of(file))
    let counter = try #require(tensors.first { $0.name.hasSuffix("1.num_batches_tracked") }?.tensor)
    #expect(counter.shape == [] && counter.scalarType == .int64)
  }

  @Test(arguments: ["zip", "legacy"])
  func aPickledModuleGivesTheTensorsOfItsStateDict(form: String) throws {
    let file = "module.\(form).pth"
    check(try PyTorchCheckpoint(contentsOf: golden(file)).tensors, try ExpectedTensor.of(file))
  }

  @Test(
    .enabled(if: Files.hasShared, "needs ../shared/data"),
    arguments: [
      ("mobilenet_v2", "weights/imagenet/mobilenet_v2-b0353104.pth", 314),
      ("minifasnet_v1_se", "weights/other/4_0_0_80x80_MiniFASNetV1SE.pth", 370),
    ])
  func aPublishedCheckpointIsReadToTheLastByte(golden name: String, path: String, count: Int) throws {
    let url = try #require(Files.shared("data/\(path)"))
    let tensors = try PyTorchCheckpoint(contentsOf: url.path).tensors
    let lines = try String(contentsOf: Files.golden("formats/\(name).txt"), encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == count)
    let actual = try tensors.map { name, tensor in
      let shape =
        tensor.shape.rank == 0 ? "scalar" : tensor.shape.dimensions.map(String.init).joined(separator: "x")
      let digest = try tensor.withUnsafeBytes { try Digest.sha256(bytes: $0) }
      return "\(name)\t\(tensor.scalarType.rawValue)\t\(shape)\t\(digest)"
    }
    #expect(actual == lines.map(String.init))
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func theMobileNetIsTheOneThatItsNameSays() throws {
    let url = try #require(Files.shared("data/weights/imagenet/mobilenet_v2-b0353104.pth"))
    #expect(try Digest.sha256(ofFile: url.path).hasPrefix("b03531047ffacf1e"))
  }

  @Test func viewsReadAsDoublesInTheOrderOfTheirShape() throws {
    let tensors = try PyTorchCheckpoint(contentsOf: golden("training.zip.2.pth")).tensors
    let columns = try #require(tensors["view.columns"])
    #expect(columns.doubles() == [1, 2, 3, 7, 8, 9, 13, 14, 15, 19, 20, 21])
    let transposed = try #require(tensors["view.transposed"])
    let order = (0..<6).flatMap { column in (0..<4).map { row in Double(row * 6 + column) } }
    #expect(transposed.doubles() == order)
    #expect(tensors["view.expanded"]?.doubles() == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    #expect(tensors["view.overlapping"]?.doubles() == [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5])
  }

  @Test func craftedFilesAreReadWhereNothingIsWrongWithThem() throws {
    // The craft that the refusals rely on must be sound itself.
    let bytes = checkpoint(
      PickleMaker.dictionary { $0.tensor([2, 2], strides: [1, 2], count: 4) }, floats: 4)
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.pth").path
      try Data(bytes).write(to: URL(filePath: path))
      let tensors = try PyTorchCheckpoint(contentsOf: path).tensors
      #expect(tensors.names == ["weight"])
      #expect(tensors["weight"]?.doubles() == [0, 2, 1, 3])
    }
  }

  @Test func contiguousTensorsOfOneStorageShareIt() throws {
    let tensors = try PyTorchCheckpoint(contentsOf: golden("training.zip.2.pth")).tensors
    let first = try #require(tensors["shared.first"])
    let second = try #require(tensors["shared.second"])
    let addresses = [first, second].map { tensor in
      tensor.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
    #expect(addresses[1] == addresses[0] + 32)
  }

  @Test func weightsThatArePreferredAreTheFirstOfTheKeys() throws {
    // Under "model_ema" first, and "model" after it: "model" is wanted.
    let pickle = PickleMaker().op("}(").text("model_ema").op("}").text("a")
      .tensor([1], strides: [1], offset: 1, count: 4).op("s").text("model").op("}").text("a")
      .tensor([1], strides: [1], offset: 3, count: 4).op("su.").bytes
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.pth").path
      try Data(checkpoint(pickle, floats: 4)).write(to: URL(filePath: path))
      #expect(try PyTorchCheckpoint(contentsOf: path).tensors["a"]?.doubles() == [3])
    }
  }

  @Test func aListOfPairsMakesAnOrderedDictAsPython2WritesIt() throws {
    let pickle = PickleMaker().global("collections", "OrderedDict").op("(](").op("U").raw([1, 0x61])
      .tensor([4], strides: [1], count: 4).op("tatR.").bytes
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.pth").path
      try Data(checkpoint(pickle, floats: 4)).write(to: URL(filePath: path))
      #expect(try PyTorchCheckpoint(contentsOf: path).tensors["a"]?.doubles() == [0, 1, 2, 3])
    }
  }
}
