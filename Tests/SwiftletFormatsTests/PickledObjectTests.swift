// PickledObjectTests.swift: objects of any class beside the weights, state dicts under any keys, and pickled modules.

import Foundation
import SwiftletCore
import SwiftletFormats
import TestSupport
import Testing

@Suite struct PickledObjectTests {
  /// The names that a checkpoint of `pickle` gives, with its note; it has four floats in its storage.
  private func read(_ pickle: [UInt8], stateDict: String? = nil) throws -> (names: [String], note: String?) {
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.pth").path
      try Data(checkpoint(pickle, floats: 4)).write(to: URL(filePath: path))
      let contents = try WeightFile.read(path, stateDict: stateDict)
      return (contents.tensors.names, contents.note?.replacing(folder.path + "/", with: ""))
    }
  }

  private func weights(_ maker: PickleMaker, _ name: String = "weight", offset: Int = 0) -> PickleMaker {
    maker.op("}").text(name).tensor([2, 2], strides: [2, 1], offset: offset, count: 4).op("s")
  }

  // MARK: Protocols 0 and 1

  @Test func opcodesOfProtocols0And1AreRead() throws {
    // {'weight': tensor, 'a': 1, 'b': True, 'c': 5L, 'd': 1.5, u'e': None}, with a memo in text.
    var pickle = PickleMaker()
    pickle.bytes = []
    pickle = pickle.op("(dp0\n").op("S'weight'\np1\n").tensor([2, 2], strides: [2, 1], count: 4).op("s")
    pickle = pickle.op(
      "Va\\u00e9\nI1\nsS\"b\"\nI01\nsS'c'\nL5L\nsS'd'\nF1.5\nsS'l'\nL99999999999999999999L\nsg1\n0.")
    #expect(try read(pickle.bytes).names == ["weight"])
  }

  // MARK: Choice

  @Test(arguments: [
    ("model", "ema"), ("state_dict", "state_dict_ema"), ("net", "model_ema"), ("weights", "swa_model"),
    ("network", "teacher"), ("params", "params_ema"), ("student", "teacher"), ("model_state", "shadow"),
    ("anything", "averaged_anything"), ("model", "zz_other"),
  ])
  func plainWeightsComeBeforeOthersAndItIsSaid(plain: String, other: String) throws {
    for keys in [[plain, other], [other, plain]] {
      var pickle = PickleMaker().op("}(")
      for key in keys { pickle = weights(pickle.text(key), key) }
      let (names, note) = try read(pickle.op("u.").bytes)
      #expect(names == [plain])
      let line = try #require(note)
      #expect(line.hasPrefix("net.pth: has weights under '\(plain)', '\(other)'; '\(plain)' is read"))
      #expect(line.hasSuffix("(--state-dict \(other) reads the other)"))
      #expect(try read(pickle.op("u.").bytes, stateDict: other).names == [other])
    }
  }

  @Test(arguments: [
    ["state_dict"], ["model_state_dict"], ["ema"], ["whatever"], ["checkpoint", "model"], ["a", "b", "c"],
    ["generator"], ["model", "module"], ["学习", "权重"],
  ])
  func oneStateDictIsReadUnderAnyKeys(keys: [String]) throws {
    var pickle = PickleMaker()
    for key in keys { pickle = pickle.op("}").text(key) }
    pickle = weights(pickle)
    for _ in keys { pickle = pickle.op("s") }
    let (names, note) = try read(pickle.op(".").bytes)
    #expect(names == ["weight"])
    #expect(note == nil)
  }

  @Test func aFewTensorsBesideANetworksAreNoChoice() throws {
    // An optimizer's state and weights of a loss, both in front of the network's.
    var pickle = PickleMaker().op("}(").text("optimizer").op("}").text("state").op("}K\0")
    pickle = weights(pickle, "exp_avg").op("ss").text("loss_weights").op("}").text("a")
      .tensor([2], strides: [1], count: 4).op("s").text("best").tensor([1], strides: [1], count: 4).text("zz")
    let (names, note) = try read(weights(pickle).op("u.").bytes)
    #expect(names == ["weight"] && note == nil)
  }

  @Test func aListOrATupleMayHoldTheStateDict() throws {
    #expect(try read(weights(PickleMaker().op("(K\u{3}")).op("t.").bytes).names == ["weight"])
    #expect(try read(weights(PickleMaker().op("](")).op("e.").bytes).names == ["weight"])
  }

  // MARK: Objects that hold it

  @Test func subclassesOfDictAndAttributesMayHoldTheStateDict() throws {
    let item = PickleMaker().text("weight").tensor([2, 2], strides: [2, 1], count: 4).op("s.").bytes
      .dropFirst(2)
    let holders = [
      PickleMaker().global("addict", "Dict").op(")").raw([0x81]),
      PickleMaker().global("collections", "defaultdict").op("(").global("builtins", "list").op("tR"),
      PickleMaker().global("copyreg", "_reconstructor").op("(").global("my", "State").global(
        "builtins", "dict"
      )
      .op("}tR"),
      PickleMaker().global("my", "State").op(")}").raw([0x92]), PickleMaker().op("(imy\nState\n"),
      PickleMaker().op("(").global("my", "State").op("o"),
    ]
    for holder in holders { #expect(try read(holder.bytes + item).names == ["weight"]) }
    // An object's attribute: Namespace(model={…}).
    let attribute = weights(PickleMaker().global("argparse", "Namespace").op(")R}").text("model")).op("sb.")
    #expect(try read(attribute.bytes).names == ["weight"])
  }

  @Test func aModuleIsWalkedByItsAttributes() throws {
    func module(_ inner: (PickleMaker) -> PickleMaker, _ maker: PickleMaker) -> PickleMaker {
      inner(maker.global("my.net", "Block").op(")").raw([0x81]).op("}(")).op("ub")
    }
    let leaf: (PickleMaker) -> PickleMaker = {
      $0.text("_parameters").global("collections", "OrderedDict").op(")R").text("weight")
        .tensor([2, 2], strides: [2, 1], count: 4).op("s").text("_buffers").op("}").text("mean")
        .tensor([2], strides: [1], count: 4).op("s").text("_modules").op("}").text("training").raw([0x88])
    }
    let pickle = module(
      { maker in
        module(
          leaf, maker.text("_parameters").op("}").text("_buffers").op("}").text("_modules").op("}").text("0")
        ).op("s")
      }, PickleMaker())
    #expect(try read(pickle.op(".").bytes).names == ["0.weight", "0.mean"])
    #expect(
      try read(PickleMaker().op("}").text("model").raw(Array(pickle.bytes.dropFirst(2))).op("s.").bytes).names
        .count == 2)
  }

  @Test(.timeLimit(.minutes(1))) func modulesInARingAndModulesThatDoubleAreBounded() throws {
    let ring = PickleMaker().global("m", "M").op(")").raw([0x81]).op("q\u{1}}").text("_modules").op("}")
      .text("self").op("h\u{1}ssb.").bytes
    #expect(try checkpointRefusal(checkpoint(ring)).contains("holds an object of class 'm.M'"))
    // Each level has the next one twice: 2^60 tensors by name.
    var pickle = PickleMaker().global("m", "M").op(")").raw([0x81]).op("}").text("_parameters").op("}")
      .text("weight").tensor([1], strides: [1], count: 1).op("ssb")
    for _ in 0..<60 {
      pickle = pickle.op("q\u{1}0").global("m", "M").op(")").raw([0x81]).op("}").text("_modules").op("}(")
        .text("a").op("h\u{1}").text("b").op("h\u{1}usb")
    }
    #expect(
      try checkpointRefusal(checkpoint(pickle.op(".").bytes, floats: 1)).contains("more than 100000 tensors"))
    // The same without any tensor, and one key of a megabyte under many dictionaries.
    var empty = PickleMaker().global("m", "M").op(")").raw([0x81]).op("}").text("_parameters").op("}sb")
    for _ in 0..<60 {
      empty = empty.op("q\u{1}0").global("m", "M").op(")").raw([0x81]).op("}").text("_modules").op("}(")
        .text("a").op("h\u{1}").text("b").op("h\u{1}usb")
    }
    #expect(try checkpointRefusal(checkpoint(empty.op(".").bytes)).contains("names without end"))
    var keys = PickleMaker().text(String(repeating: "k", count: 1 << 20)).op("q\u{1}0](")
    for _ in 0..<16 {
      keys = keys.op("}h\u{1}}h\u{1}}h\u{1}").tensor([1], strides: [1], count: 1).op("sss")
    }
    #expect(try checkpointRefusal(checkpoint(keys.op("e.").bytes, floats: 1)).isEmpty)
  }

  @Test func tensorsOfSubclassesAndParametersWithAttributesAreTensors() throws {
    func arguments(_ maker: PickleMaker) -> PickleMaker {
      maker.op("(").storage(count: 4).integer(0).tuple([2, 2]).tuple([2, 1]).raw([0x89]).op("}t")
    }
    let subclass = PickleMaker.dictionary {
      arguments(
        $0.global("torch._tensor", "_rebuild_from_type_v2").op("(").global(
          "torch._utils", "_rebuild_tensor_v2"
        )
        .global("my", "Tensor")
      ).op("}tR")
    }
    #expect(try read(subclass).names == ["weight"])
    let parameter = PickleMaker.dictionary {
      $0.global("torch._utils", "_rebuild_parameter_with_state").op("(")
        .tensor([2, 2], strides: [2, 1], count: 4).raw([0x88]).op("}}tR")
    }
    #expect(try read(parameter).names == ["weight"])
    let unknown = PickleMaker.dictionary {
      arguments(
        $0.global("torch._tensor", "_rebuild_from_type_v2").op("(").global("os", "system").global("my", "T")
      )
      .op("}tR")
    }
    #expect(try checkpointRefusal(checkpoint(unknown, floats: 4)).contains("'os.system' makes"))
  }

  // MARK: Names

  @Test(arguments: [
    ("mobilenet_v2-b0353104.pth", "b0353104"), ("a/b/resnet50-0676BA61.pt", "0676ba61"),
    ("net-0123456789abcdef.safetensors", "0123456789abcdef"), ("resnet18-12345678.pth", "12345678"),
    ("mobilenet_v2-00000000.pth", "00000000"), ("x-deadbeef.pth.tar", "deadbeef"),
    ("seresnet50_ra_224-8efdb4bb.pth", "8efdb4bb"),
  ])
  func aChecksumInANameIsFound(name: String, digits: String) {
    #expect(Digest.stated(inName: name) == digits)
  }

  @Test(arguments: [
    "mobilenet_v2.pth", "net-b035310.pth", "net-b035310g.pth", "netb0353104.pth", "mobilenet_v2-20251125.pth",
    "epoch-00000012.pth", "step-00120000.ckpt", "b0353104.pth", "net-b0353104.onnx", "net-b0353104/model.pth",
    "net-b0353104-final.pth", "",
  ])
  func otherNamesStateNoChecksum(name: String) { #expect(Digest.stated(inName: name) == nil) }

  @Test func aNameThatStatesAnotherChecksumIsAnErrorWithBoth() throws {
    try Files.withScratch { folder in
      let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
      for (digits, isRight) in [
        ("ba7816bf", true), ("BA7816BF8F01", true), (digest, true), ("ba7816be", false),
      ] {
        let path = folder.appending(path: "net-\(digits).pth").path
        try Data("abc".utf8).write(to: URL(filePath: path))
        let line = message(under: folder) { try Digest.checkName(ofFile: path) }
        #expect(line.isEmpty == isRight)
        if !isRight { #expect(line.contains("begins \(digits), but it is \(digest)")) }
      }
    }
  }
}
