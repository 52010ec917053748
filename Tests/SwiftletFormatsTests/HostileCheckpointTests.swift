// HostileCheckpointTests.swift: checkpoints that would run code, exhaust memory or read beyond their storages.

import Foundation
import SwiftletCore
import SwiftletFormats
import TestSupport
import Testing

@Suite struct HostileCheckpointTests {
  // MARK: Code

  @Test func whatPyTorchWritesForAHostileObjectIsARecordOfItsName() throws {
    // Its `state_dict` is the call of posix.system.
    for form in ["zip", "legacy"] {
      let line = message(under: golden("refused-system.\(form).pth")) {
        try WeightFile.read(golden("refused-system.\(form).pth"))
      }
      #expect(line.contains("holds no state dict"), "\(line)")
    }
  }

  /// Every way to import and to call in a pickle, for one name.
  static func calls(_ module: String, _ name: String) -> [PickleMaker] {
    let text = "echo hello"
    let short: [UInt8] = [module, name].flatMap { (word: String) -> [UInt8] in
      [0x8C, UInt8(word.utf8.count)] + Array(word.utf8)
    }
    return [
      PickleMaker().global(module, name).op("(").text(text).op("tR"),  // GLOBAL, REDUCE
      PickleMaker().text(module).text(name).raw([0x93]).text(text).raw([0x85]).op("R"),  // STACK_GLOBAL
      PickleMaker().raw(short).raw([0x93]).op(")R"),
      PickleMaker().op("(").text(text).op("i\(module)\n\(name)\n"),  // INST
      PickleMaker().op("(").global(module, name).text(text).op("o"),  // OBJ
      PickleMaker().global(module, name).op(")").raw([0x81]),  // NEWOBJ
      PickleMaker().global(module, name).op(")}").raw([0x92]),  // NEWOBJ_EX
      PickleMaker().global(module, name).op(")R}").text("__setstate__").text("x").op("sb"),  // BUILD
      PickleMaker().global(module, name).op(")R").text("x").raw([0x85]).op("R"),  // the result is called
      PickleMaker().global("builtins", "getattr").op("(").global(module, name).text("x").op("tR)R"),
      PickleMaker().raw([0x82, 1]).op("(").global(module, name).op("tR"),  // EXT1
      PickleMaker().global(module, name).op(")R(NNu"), PickleMaker().global(module, name).op(")RNa"),
      PickleMaker().raw([0x8F]).op("(").global(module, name).op("NNR").raw([0x90]).op("0N"),
    ]
  }

  @Test(arguments: [
    ("posix", "system"), ("os", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"),
    ("__builtin__", "eval"), ("builtins", "getattr"), ("builtins", "__import__"), ("subprocess", "Popen"),
    ("subprocess", "check_output"), ("runpy", "_run_code"), ("pickle", "loads"), ("shutil", "rmtree"),
    ("torch.hub", "load"), ("torch", "load"), ("torch", "_utils._rebuild_tensor_v2"), ("torch", ""), ("", ""),
    ("_codecs", "encode"), ("collections", "OrderedDict.fromkeys"), ("numpy.core.multiarray", "scalar"),
    ("torch", "FloatStorage.x"), ("torch.jit", "load"), ("importlib", "import_module"),
    ("webbrowser", "open"),
  ])
  func aCallOfAnyNameIsARecordBesideTheWeights(module: String, name: String) throws {
    for (index, call) in Self.calls(module, name).enumerated() {
      // As a value beside the weights; as the whole; and as the state dict.
      let beside = PickleMaker().op("}(").text("x").raw(Array(call.bytes.dropFirst(2))).text("weight")
        .tensor([1], strides: [1], count: 1).op("u.").bytes
      try Files.withScratch { folder in
        let path = folder.appending(path: "net.pth").path
        try Data(checkpoint(beside, floats: 1)).write(to: URL(filePath: path))
        let line = message(under: folder) { try PyTorchCheckpoint(contentsOf: path) }
        // The last one is broken on purpose: a set's item is a call of nothing.
        if index < 13 {
          #expect(line.isEmpty, "\(index): \(line)")
          #expect(try PyTorchCheckpoint(contentsOf: path).tensors.names == ["weight"])
        } else {
          #expect(line.contains("pickle: "), "\(line)")
        }
      }
      let alone = try checkpointRefusal(checkpoint(call.op(".").bytes))
      #expect(!alone.isEmpty, "\(index)")
    }
  }

  @Test(arguments: [
    ("torch._utils", "_rebuild_tensor_v4"), ("torch._tensor", "_rebuild_from_type_v3"),
    ("torch._utils", "_rebuild_qtensor"), ("torch._utils", "_rebuild_sparse_tensor"),
    ("torch._utils", "_rebuild_wrapper_subclass"), ("torch._utils", "_rebuild_meta_tensor_no_storage"),
    ("torch_xla.core", "_rebuild_xla_tensor"),
  ])
  func aTensorOfAnotherKindIsRefusedByName(module: String, name: String) throws {
    for call in Self.calls(module, name).prefix(7) {
      let line = try checkpointRefusal(checkpoint(call.op(".").bytes))
      #expect(
        line.hasPrefix("net.pth: holds a tensor that '\(module).\(name)' makes, which is not read"), "\(line)"
      )
    }
    // Its name alone makes nothing.
    let named = PickleMaker().op("}(").text("f").global(module, name).text("weight")
      .tensor([1], strides: [1], count: 1).op("u.").bytes
    #expect(try checkpointRefusal(checkpoint(named, floats: 1)).isEmpty)
  }

  @Test func tensorsOfPlainPicklesAreRefusedWithAdvice() throws {
    let pickle = PickleMaker().global("torch.storage", "_load_from_bytes").op("(").text("x").op("tR.")
    #expect(
      try checkpointRefusal(checkpoint(pickle.bytes)) == "net.pth: was written by pickle, not by torch.save: "
        + "torch.save(model.state_dict(), …) writes what is read")
  }

  @Test func tensorsOfElementsThatAreNotReadAreRefusedByName() throws {
    for type in ["QInt8Storage", "ComplexFloatStorage", "Float8Storage"] {
      let pickle = PickleMaker.dictionary { $0.tensor([1], strides: [1], type: type, count: 1) }
      let line = try checkpointRefusal(checkpoint(pickle, floats: 1))
      #expect(line.hasPrefix("net.pth: holds a tensor that 'torch.\(type)' makes"), "\(line)")
    }
  }

  @Test func anObjectWithoutTensorsIsRefusedWithAdvice() throws {
    let line = try checkpointRefusal(
      checkpoint(PickleMaker().global("net", "Net").op(")").raw([0x81]).op(".").bytes))
    #expect(
      line == "net.pth: holds an object of class 'net.Net' without tensors of a module: "
        + "torch.save(model.state_dict(), …) writes what is needed")
  }

  @Test(arguments: [
    ("(i" + "collections\nOrderedDict\n.", "holds no state dict"),
    ("(ccollections\nOrderedDict\no.", "holds no state dict"),
    ("Pposix.system\n.", "holds an object of class"), ("}(X\u{1}\0\0\0aK\u{1}ubb.", "stack is empty"),
    ("]}b.", "BUILD on a tensor or a plain value"), ("ccollections\nOrderedDict\n}b.", "BUILD on a tensor"),
    ("(o.", "of a wrong kind"), ("icollections\nOrderedDict\n.", "no mark"), ("I1x\n.", "is none"),
    ("L\n.", "is none"), ("g9\n.", "no entry 9"), ("p\n.", "is none"), ("Snone", "no end"),
    ("F1.5", "no end"),
  ])
  func opcodesWithoutTheirOperandsAreRefused(pickle: String, reason: String) throws {
    let line = try checkpointRefusal(checkpoint(PickleMaker().op(pickle).bytes))
    #expect(line.contains(reason), "\(line)")
  }

  @Test(arguments: [
    ([0x92], "of a wrong kind"), ([0x97], "a buffer outside the file"), ([0x98], "a buffer outside the file"),
    ([0xFF], "opcode 0xff"), ([0x7E], "opcode 0x7e"), ([0x80, 6], "protocol 6"),
    ([0x80, 255], "protocol 255"),
    ([0x84, 1, 0], "it ends in the middle"),
  ])
  func opcodesOfOtherUseAreRefused(opcodes: [UInt8], reason: String) throws {
    let pickle = PickleMaker().global("collections", "OrderedDict").op(")").raw(opcodes)
    let line = try checkpointRefusal(checkpoint(pickle.bytes))
    #expect(line.contains(reason), "\(line)")
  }

  @Test func setstateCannotBeReached() throws {
    // BUILD with a state that names __setstate__, on a dictionary: ignored; the dictionary has no tensors.
    let pickle = PickleMaker().global("collections", "OrderedDict").op(")R}").text("__setstate__")
      .text("x").op("sb.").bytes
    #expect(try checkpointRefusal(checkpoint(pickle)).contains("holds no state dict"))
    // BUILD on a tensor.
    let tensor = PickleMaker.dictionary { $0.tensor([1], strides: [1], count: 1).op("}b") }
    #expect(try checkpointRefusal(checkpoint(tensor, floats: 1)).contains("BUILD on a tensor"))
  }

  @Test func callsWithWrongArgumentsAreRefused() throws {
    let rebuild = PickleMaker().global("torch._utils", "_rebuild_tensor_v2")
    let pickles = [
      rebuild.op(")R."), rebuild.op("NR."), rebuild.op("(NNNNNNtR."),
      rebuild.op("(").storage(count: 1).op("NNNNNtR."),
      PickleMaker().global("torch", "FloatStorage").op(")R."),
      PickleMaker().global("torch", "float32").op(")R."),
      PickleMaker().global("torch", "Size").op("NR."), PickleMaker().global("torch", "Size").op("(NtR."),
      PickleMaker().global("torch._utils", "_rebuild_parameter").op("(NNNtR."),
      PickleMaker().global("collections", "OrderedDict").op("(KKtR."),
      PickleMaker().global("collections", "OrderedDict").op("(](KtatR."),
      PickleMaker().op("(tQ."), PickleMaker().op("(").text("modules").op("NNNtQ."),
      PickleMaker().op("(").storage(count: -1), PickleMaker().op("(").storage(type: "float32", count: 1),
      PickleMaker().text("a").op("NR."), PickleMaker().op("NNa."), PickleMaker().op("NNNs."),
      PickleMaker().op("](NNu."), PickleMaker().op("}(Nu."), PickleMaker().op("(Nd."),
      PickleMaker().op("N(e."),
      PickleMaker().op("N(").raw([0x90]).op("."), PickleMaker().op("NN").raw([0x93]).op("."),
    ]
    for pickle in pickles {
      let line = try checkpointRefusal(checkpoint(pickle.bytes))
      #expect(line.hasPrefix("net.pth: pickle: "), "\(pickle.bytes): \(line)")
    }
  }

  @Test(arguments: [
    "", ".", "0.", "1.", "2.", "t.", "l.", "d.", "u.", "e.", "R.", "b.", "Q.", "q\u{1}.", "h\u{1}.",
    "j\u{1}\0\0\0.",
    "(.", "(0.", "(h\0.", "N(t0.", "X\u{9}\0\0\0a", "U\u{9}a", "cos", "cos\nsystem", "(ios", "}", "K", "M",
    "J", "G",
  ])
  func aStackThatIsEmptyOrAStreamThatEndsIsRefused(pickle: String) throws {
    let line = try checkpointRefusal(checkpoint(PickleMaker().op(pickle).bytes))
    #expect(line.hasPrefix("net.pth: "), "\(line)")
    #expect(line.contains("pickle: ") || line.contains("holds no state dict"), "\(line)")
  }

  @Test func lengthsBeyondTheEndAreRefused() throws {
    let most = [UInt8](repeating: 0xFF, count: 8)
    for opcode: UInt8 in [0x8D, 0x8E, 0x96, 0x95, 0x8B, 0x58, 0x54, 0x42] {
      for length in [most, [0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0x7F]] {
        let line = try checkpointRefusal(checkpoint(PickleMaker().raw([opcode] + length).op(".").bytes))
        #expect(line.hasPrefix("net.pth: "), "\(line)")
      }
    }
  }

  // MARK: Memory and time

  @Test(.timeLimit(.minutes(1))) func aBombOfSharedListsIsNotExpanded() throws {
    // l = [l, l], thirty times over, as a value and as a state dict's neighbour: 2^30 elements if expanded.
    var pickle = PickleMaker().op("}(").text("weight").tensor([1], strides: [1], count: 1).text("bomb").op(
      "]")
    for _ in 0..<30 { pickle = pickle.op("q\u{7}](h\u{7}h\u{7}e") }
    let bytes = checkpoint(pickle.op("u.").bytes, floats: 1)
    try Files.withScratch { folder in
      let path = folder.appending(path: "net.pth").path
      try Data(bytes).write(to: URL(filePath: path))
      #expect(try PyTorchCheckpoint(contentsOf: path).tensors.names == ["weight"])
    }
  }

  @Test(.timeLimit(.minutes(1))) func ringsAndDeepNestsAreHarmless() throws {
    let deep = [
      PickleMaker().op("]q\u{1}h\u{1}a."), PickleMaker().op("}q\u{1}").text("model").op("h\u{1}s."),
      PickleMaker().op(")").raw([UInt8](repeating: 0x85, count: 1_500_000)).op("."),
      PickleMaker().op(String(repeating: "(", count: 1_500_000) + "."),
      PickleMaker().op(String(repeating: "]", count: 700_000) + String(repeating: "a", count: 699_999) + "."),
      PickleMaker().op(String(repeating: "}", count: 100) + "."),
    ]
    for pickle in deep {
      let line = try checkpointRefusal(checkpoint(pickle.bytes))
      #expect(line.contains("holds no state dict") || line.contains("the stack is empty"), "\(line)")
    }
  }

  @Test(.timeLimit(.minutes(1))) func dictionariesUnderEveryKeyAreLookedAtOnce() throws {
    // Four levels, each under eight keys of the next, the last with 400,000 keys.
    var pickle = PickleMaker().op("}(")
    for index in 0..<400_000 { pickle.bytes += PickleMaker().text("\(index)").op("N").bytes.dropFirst(2) }
    pickle = pickle.op("uq\u{1}")
    for _ in 0..<3 {
      pickle = pickle.op("}(")
      for key in ["state_dict", "model", "net", "ema", "a", "b", "optimizer", "x"] {
        pickle = pickle.text(key).op("h\u{1}")
      }
      pickle = pickle.op("uq\u{1}")
    }
    #expect(try checkpointRefusal(checkpoint(pickle.op(".").bytes)).contains("holds no state dict"))
  }

  @Test(.timeLimit(.minutes(1))) func tooManyOperationsAreRefused() throws {
    let flood = PickleMaker().raw([UInt8](repeating: 0x4E, count: 3_000_000)).op(".")
    #expect(
      try checkpointRefusal(checkpoint(flood.bytes)) == "net.pth: pickle: more than 2000000 operations")
    // One list of a thousand pairs, made into a dictionary ten thousand times.
    var pickle = PickleMaker().op("](")
    for _ in 0..<1000 { pickle = pickle.op("NN").raw([0x86]) }
    pickle = pickle.op("eq\u{1}").global("collections", "OrderedDict").op("q\u{2}")
    for _ in 0..<10_000 { pickle = pickle.op("h\u{2}h\u{1}").raw([0x85]).op("R") }
    #expect(
      try checkpointRefusal(checkpoint(pickle.op(".").bytes))
        == "net.pth: pickle: more than 2000000 operations")
  }

  @Test func viewsThatWouldFillMemoryAreRefused() throws {
    let large = PickleMaker.dictionary { $0.tensor([1 << 20, 1 << 20], strides: [0, 0], count: 1) }
    #expect(
      try checkpointRefusal(checkpoint(large, floats: 1))
        == "net.pth: tensor 'weight': copies of views would take more memory than the file's size allows")
    // Each within the limit, together not.
    var pickle = PickleMaker().op("}(")
    for index in 0..<5 { pickle = pickle.text("w\(index)").tensor([1 << 22], strides: [0], count: 1) }
    let line = try checkpointRefusal(checkpoint(pickle.op("u.").bytes, floats: 1))
    #expect(line.contains("tensor 'w4': copies of views would take more memory"), "\(line)")
  }

  // MARK: Storages

  @Test(arguments: [
    ([5], [1], 0), ([1], [1], 4), ([2, 2], [3, 1], 0), ([2], [4], 0), ([1], [1], -1), ([-1], [1], 0),
    ([2], [-1], 3), ([2, 2], [1], 0), ([2], [Int.max], 1), ([Int.max], [1], 0), ([1], [1], Int.max),
    ([1 << 32, 1 << 32], [1, 1], 0), ([2, 2], [Int.max, Int.max], 0),
    ([Int](repeating: 1, count: 65), [Int](repeating: 1, count: 65), 0),
  ])
  func tensorsOutsideTheirStorageAreRefused(sizes: [Int], strides: [Int], offset: Int) throws {
    let pickle = PickleMaker.dictionary { $0.tensor(sizes, strides: strides, offset: offset, count: 4) }
    let line = try checkpointRefusal(checkpoint(pickle, floats: 4))
    #expect(line.hasPrefix("net.pth: tensor 'weight': "), "\(line)")
  }

  @Test func dimensionsOfOneAndOfNoneMayHaveAnyStride() throws {
    for (sizes, strides, values) in [
      ([1, 2], [Int.max, 1], [0, 1]), ([2, 1], [2, Int.max], [0, 2]),
      ([0, 1 << 40, 1 << 22], [1 << 62, 1 << 22, 1], []),
    ] as [([Int], [Int], [Double])] {
      try Files.withScratch { folder in
        let path = folder.appending(path: "net.pth").path
        let pickle = PickleMaker.dictionary { $0.tensor(sizes, strides: strides, count: 4) }
        try Data(checkpoint(pickle, floats: 4)).write(to: URL(filePath: path))
        let tensor = try #require(try PyTorchCheckpoint(contentsOf: path).tensors["weight"])
        #expect(tensor.shape == Shape(sizes))
        #expect(tensor.doubles() == values)
      }
    }
  }

  @Test func storagesOfAnotherSizeThanTheyClaimAreRefused() throws {
    for (type, count) in [
      ("FloatStorage", 5), ("FloatStorage", 3), ("DoubleStorage", 4), ("FloatStorage", Int.max),
    ] {
      let pickle = PickleMaker.dictionary { $0.tensor([1], strides: [1], type: type, count: count) }
      let line = try checkpointRefusal(checkpoint(pickle, floats: 4))
      #expect(line.hasPrefix("net.pth: tensor 'weight': its storage claims \(count) elements"), "\(line)")
    }
    var zip = ZipMaker()
    zip.add("archive/data.pkl", PickleMaker.dictionary { $0.tensor([1], strides: [1], count: 1) })
    #expect(
      try checkpointRefusal(zip.bytes()) == "net.pth: tensor 'weight': its storage '0' is missing")
  }

  @Test func sizesThatAreNoNumbersAreRefused() throws {
    let pickle = PickleMaker.dictionary { maker in
      maker.global("torch._utils", "_rebuild_tensor_v2").op("(").storage(count: 1).integer(0).op("(Nt(Nt")
        .raw([0x89]).op("NtR")
    }
    let line = try checkpointRefusal(checkpoint(pickle, floats: 1))
    #expect(line.hasSuffix("tensor 'weight': its sizes and strides are not whole numbers"))
  }

  @Test func bigEndianFilesAreRefused() throws {
    let pickle = PickleMaker.dictionary { $0.tensor([4], strides: [1], count: 4) }
    let reason = "net.pth: its numbers are big-endian, which is not read"
    #expect(try checkpointRefusal(checkpoint(pickle, floats: 4, byteOrder: "big")) == reason)
    #expect(try checkpointRefusal(checkpoint(pickle, floats: 4, byteOrder: "little")).isEmpty)
    // The old form says so in its third pickle.
    var legacy = [UInt8](try Data(contentsOf: URL(filePath: golden("bare.legacy.pth"))))
    let flag = try #require(legacy.firstRange(of: Array("little_endianq".utf8)))
    #expect(legacy[flag.upperBound + 1] == 0x88)
    legacy[flag.upperBound + 1] = 0x89
    #expect(try checkpointRefusal(legacy) == reason)
  }

  @Test func negatedViewsAreRefused() throws {
    let pickle = PickleMaker.dictionary { maker in
      maker.global("torch._utils", "_rebuild_tensor_v2").op("(").storage(count: 1).integer(0).tuple([1])
        .tuple([1])
        .raw([0x89]).op("N}").text("neg").raw([0x88]).op("stR")
    }
    #expect(
      try checkpointRefusal(checkpoint(pickle, floats: 1)).contains("a tensor with a pending operation"))
  }

  @Test func keysThatAreSetTwiceAreRefused() throws {
    let pickle = PickleMaker().op("}(").text("a").tensor([1], strides: [1], count: 1).text("a")
      .tensor([1], strides: [1], count: 1).op("u.").bytes
    #expect(try checkpointRefusal(checkpoint(pickle, floats: 1)).hasSuffix("the key 'a' is set twice"))
  }

  @Test func aFileWithoutAStateDictIsRefused() throws {
    for pickle in ["N.", "].", "}.", "}X\u{1}\0\0\0aK\u{1}s.", "K\u{1}.", "}X\u{5}\0\0\0modelNs."] {
      let line = try checkpointRefusal(checkpoint(PickleMaker().op(pickle).bytes))
      #expect(line.hasPrefix("net.pth: holds no state dict: a dictionary of tensors is needed"), "\(line)")
    }
    let bare = PickleMaker().tensor([1], strides: [1], count: 1).op(".").bytes
    #expect(try checkpointRefusal(checkpoint(bare, floats: 1)).contains("holds no state dict"))
  }

  @Test func aPickleThatIsNotOfTorchIsRefused() throws {
    let path = golden("refused-pickle.pth")
    let reason =
      "is a pickle, but not one of torch.save: torch.save(model.state_dict(), …) writes what is read"
    #expect(throws: FormatError.unsupported(file: path, reason: reason)) {
      try PyTorchCheckpoint(contentsOf: path)
    }
  }
}
