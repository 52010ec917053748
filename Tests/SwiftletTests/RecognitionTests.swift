// RecognitionTests.swift: state dicts under other names, with other heads, at other widths, and what is said about them.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct RecognitionTests {
  typealias Named = [(name: String, tensor: Tensor)]

  /// The state dict of a network by a library's names, with drawn values.
  static func state(
    _ network: String = "mobilenet_v2", _ dialect: Dialect = .torchvision,
    _ map: String = "torchvision.mobilenet_v2",
    width: Double = 0.35, classes: Int = 5
  ) throws -> Named {
    let hasWidth = try Zoo.entry(named: network).hasWidth
    let graph = try Zoo.architecture(
      network, ZooOptions(dialect: dialect, width: hasWidth ? width : nil, classes: classes)
    ).graph()
    let map = try #require(NameMap.all.first { $0.name == map })
    return try #require(map.sources(for: graph)).map { source in
      var generator = SeededGenerator(seed: 3, stream: source.name)
      let isVariance = source.name.hasSuffix("running_var")
      let floats = (0..<source.shape.count).map { _ in Float(generator.uniform() - (isVariance ? -0.5 : 0.5))
      }
      return (source.name, try Tensor(shape: source.shape, floats: floats))
    }
  }

  /// The model of tensors, with the lines about it.
  static func read(
    _ tensors: Named, path: String = "net.pth", network: String? = nil, _ options: ZooOptions = ZooOptions()
  ) throws -> (model: Model, notes: [String]) {
    var notes: [String] = []
    let contents = WeightFile.Contents(format: .safetensors, tensors: try NamedTensors(tensors))
    let model = try Model.model(contents, of: path, network: network, options: options) { notes.append($0) }
    return (model, notes)
  }

  /// The line that refuses tensors.
  private func refusal(
    _ tensors: Named, network: String? = nil, _ options: ZooOptions = ZooOptions()
  ) throws -> String {
    do {
      _ = try Self.read(tensors, network: network, options)
      return ""
    } catch let error as ModelError {
      let isOneLine = !error.description.contains { $0.isNewline }
      #expect(isOneLine)
      #expect(error.localizedDescription == error.description)
      return error.description
    }
  }

  private func renamed(_ tensors: Named, _ name: (String) -> String) -> Named {
    tensors.map { (name($0.name), $0.tensor) }
  }

  private func tensor(_ shape: Shape) throws -> Tensor {
    try Tensor(shape: shape, floats: (0..<shape.count).map { Float($0 % 7) / 7 })
  }

  private func isHead(_ name: String) -> Bool { name.hasPrefix("classifier") }

  // MARK: Prefixes

  @Test(arguments: [
    "module.", "_orig_mod.", "model.", "net.", "encoder.", "backbone.", "module._orig_mod.", "model.module.",
    "_orig_mod.module.model.", "a.b.c.d.", "features.", "module.features.", "student.network.", "0.", "网络.",
  ])
  func anyPrefixIsTakenOff(prefix: String) throws {
    let state = try Self.state()
    let plain = try Self.read(state)
    let (model, notes) = try Self.read(renamed(state) { prefix + $0 })
    #expect(notes.isEmpty && model.name == "mobilenet_v2" && model.architecture?.width == 0.35)
    for (name, tensor) in plain.model.parameters.all {
      #expect(model.parameters[name]?.floats() == tensor.floats(), "\(name)")
    }
    // Neither a counter nor a metric need have it, and without a head the names of `features` are no prefix.
    let extras: Named = [
      ("n_averaged", try tensor([])), ("best", try tensor([1])), ("metric.total", try tensor([40])),
      (prefix + "features.0.0.total_ops", try tensor([1])),
    ]
    let (_, said) = try Self.read(renamed(state) { prefix + $0 } + extras)
    #expect(said.count == 1 && said[0].contains("4 tensors are not the network's and left out: "), "\(said)")
    let headless = try Self.read(renamed(state.filter { !isHead($0.name) }) { prefix + $0 })
    #expect(headless.model.missingHead != nil)
  }

  @Test(arguments: [
    (
      "resnet18", Dialect.torchvision, "torchvision.resnet",
      ["conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7", "fc": "9"]
    ),
    ("mobilenet_v2", .torchvision, "torchvision.mobilenet_v2", ["features": "0", "classifier": "1"]),
    (
      "mobilenet_v2", .timm, "timm.mobilenet",
      ["conv_stem": "0", "bn1": "1", "blocks": "2", "conv_head": "3", "bn2": "4", "classifier": "6"]
    ),
  ])
  func childrenInASequentialAreFoundByPosition(
    network: String, dialect: Dialect, map: String, names: [String: String]
  ) throws {
    let state = renamed(try Self.state(network, dialect, map)) { name in
      let module = String(name.prefix { $0 != "." })
      return (names[module] ?? module) + name.dropFirst(module.count)
    }
    #expect(try Self.read(state).model.name == network)
    #expect(try Self.read(renamed(state) { "model." + $0 }).model.name == network)
  }

  @Test func theFeaturesOfANetworkAloneAreOne() throws {
    let state = try Self.state().filter { !isHead($0.name) }
    let (model, _) = try Self.read(renamed(state) { String($0.dropFirst("features.".count)) })
    #expect(model.name == "mobilenet_v2" && model.missingHead != nil)
  }

  @Test func aTeacherOrAnAverageIsLeftOutAndSaid() throws {
    let state = try Self.state()
    for (plain, other) in [
      ("student.", "teacher."), ("model.", "model_ema."), ("encoder_q.", "encoder_k."), ("", "ema."),
    ] {
      let both = renamed(state.map { ($0.name, $0.tensor) }) { other + $0 } + renamed(state) { plain + $0 }
      let (model, notes) = try Self.read(both)
      #expect(model.classes == 5)
      #expect(notes.count == 1 && notes[0].contains("\(other.dropLast()) (\(state.count))"), "\(notes)")
    }
  }

  // MARK: Leftovers

  @Test func countersAndHelpersAreLeftOutAndSaid() throws {
    var state = try Self.state()
    let layers = state.map(\.name).filter { $0.hasSuffix(".weight") }.map { $0.dropLast("weight".count) }
    state += try layers.map { ("\($0)total_ops", try tensor([1])) }
    state += try layers.prefix(3).map { ("\($0)num_batches_tracked", try tensor([])) }
    state += [
      ("num_updates", try tensor([])), ("decay", try tensor([])), ("criterion.weight", try tensor([5])),
      ("train_acc.correct", try tensor([5])), ("confusion.confmat", try tensor([5, 5])),
      ("loss_fn.centers", try tensor([5, 64])), ("mean", try tensor([1, 3, 1, 1])),
    ]
    let (_, notes) = try Self.read(state)
    #expect(notes.count == 1)
    let note = notes.first ?? ""
    #expect(
      note.hasPrefix(
        "net.pth: \(layers.count + 7) tensors are not the network's and left out: total_ops (\(layers.count)), "
      ))
    #expect(!note.contains("num_batches_tracked"))
    // Batch norms' counters alone need no line.
    #expect(
      try Self.read(Self.state() + [("features.0.1.num_batches_tracked", try tensor([]))]).notes.isEmpty)
  }

  @Test(arguments: [
    "features.19.0.weight", "features.3.attention.weight", "neck.0.weight", "attention.query.weight",
  ])
  func aLayerThatTheNetworkLacksIsRefused(name: String) throws {
    let line = try refusal(Self.state() + [(name, try tensor([64, 7, 3, 3]))])
    #expect(line.contains("the weights are not those of mobilenet_v2: \(name): not a parameter"), "\(line)")
  }

  // MARK: Heads

  @Test(arguments: [
    "classifier.1.1", "classifier", "fc", "fc.1", "classifier.3", "head.fc", "last_linear", "head", "linear",
    "cls_head",
    "logits", "classifier.1.0.2", "my_head.out",
  ])
  func aHeadOfTheRightShapesIsAHead(name: String) throws {
    let old = try Self.state()
    let state = old.filter { !isHead($0.name) }
    for (prefix, outside) in [
      ("", ""), ("module.", "module."), ("backbone.", ""), ("model.backbone.", "model."),
    ] {
      for kernel in [[], [1, 1]] {
        let head: Named = [
          (outside + name + ".weight", try tensor(Shape([3, 1280] + kernel))),
          (outside + name + ".bias", try tensor([3])),
        ]
        let (model, notes) = try Self.read(renamed(state) { prefix + $0 } + head)
        #expect(
          model.classes == 3 && model.missingHead == nil && notes.isEmpty,
          "\(prefix)\(outside)\(name): \(notes)")
        #expect(model.parameters["classifier.bias"]?.floats() == head[1].tensor.floats())
        #expect(model.parameters["classifier.weight"]?.floats()[3] == head[0].tensor.floats()[1])
      }
    }
  }

  @Test func aHeadWithoutABiasHasAZeroBias() throws {
    let state = try Self.state().filter { $0.name != "classifier.1.bias" }
    let (model, _) = try Self.read(state)
    #expect(model.parameters["classifier.bias"]?.floats() == [0, 0, 0, 0, 0] && model.missingHead == nil)
  }

  @Test func severalHeadsAreSaid() throws {
    let state =
      try Self.state() + [
        ("fc_new.weight", try tensor([3, 1280])), ("fc_new.bias", try tensor([3])),
        ("head2.weight", try tensor([9, 1280])), ("head2.bias", try tensor([9])),
      ]
    let (model, notes) = try Self.read(state)
    #expect(model.classes == 5)
    #expect(
      notes == [
        "net.pth: the head classifier.1 [5, 1280] is read; 2 others are not: fc_new [3, 1280], head2 [9, 1280]"
      ])
  }

  @Test func aHeadOfSeveralLayersIsNotGuessed() throws {
    let body = try Self.state().filter { !isHead($0.name) }
    let heads: [Named] = [
      [
        ("classifier.1.weight", try tensor([512, 1280])), ("classifier.1.bias", try tensor([512])),
        ("classifier.4.weight", try tensor([3, 512])), ("classifier.4.bias", try tensor([3])),
      ],
      [
        ("fc.0.weight", try tensor([512, 1280])), ("fc.0.bias", try tensor([512])),
        ("fc.2.weight", try tensor([3, 512])), ("fc.2.bias", try tensor([3])),
      ],
      [
        ("head.0.weight", try tensor([1280])), ("head.0.bias", try tensor([1280])),
        ("head.0.running_mean", try tensor([1280])), ("head.0.running_var", try tensor([1280])),
        ("head.1.weight", try tensor([3, 1280])), ("head.1.bias", try tensor([3])),
      ],
      [("classifier.1.weight", try tensor([3, 640])), ("classifier.1.bias", try tensor([3]))],
    ]
    for head in heads {
      let (model, notes) = try Self.read(body + head)
      #expect(model.missingHead != nil)
      #expect(
        notes.contains { $0.contains("is not read: it is no single layer after the 1280 features") },
        "\(notes)")
    }
  }

  @Test(arguments: [
    ("mobilenet_v3_small", Dialect.torchvision, "torchvision.mobilenet_v3", 1.0, 576),
    ("mobilenet_v3_large", .torchvision, "torchvision.mobilenet_v3", 0.5, 480),
    ("mobilenet_v3_small", .timm, "timm.mobilenet", 0.75, 432),
  ])
  func aHeadMayTakeTheFeaturesWhereHiddenLayersWere(
    network: String, dialect: Dialect, map: String, width: Double, features: Int
  ) throws {
    let state = try Self.state(network, dialect, map, width: width)
    let hidden = dialect == .timm ? ["conv_head", "classifier"] : ["classifier"]
    let body = state.filter { tensor in !hidden.contains { tensor.name.hasPrefix($0) } }
    let path = "mobilenetv3_x.pth"
    let (model, notes) = try Self.read(
      body + [("classifier.1.weight", try tensor([3, features])), ("classifier.1.bias", try tensor([3]))],
      path: path)
    #expect(model.classes == 3 && model.missingHead == nil && notes.isEmpty, "\(notes)")
    #expect(model.parameters["head.hidden.0.weight"] == nil)
    // Neither hidden layer nor head: features before the hidden layer.
    let (backbone, _) = try Self.read(body, path: path, ZooOptions(resolution: 64))
    #expect(try Embedder(backbone).count == features)
    #expect(backbone.missingHead?.parameters.count == 4)
  }

  // MARK: Without a head

  @Test func aModelWithoutAHeadGivesFeaturesAndStartsTraining() throws {
    let whole = try Self.state()
    let (model, _) = try Self.read(whole.filter { !isHead($0.name) }, ZooOptions(resolution: 64))
    let complete = try Self.read(whole, ZooOptions(resolution: 64)).model
    let line =
      "net.pth: has no classifier: classifier.1.weight [classes, 1280] is missing; 'embed' and 'train --from' work without it"
    func refused(_ body: () throws -> Void) {
      do {
        try body()
        Issue.record("a model without a head classifies")
      } catch { #expect("\(error)" == line) }
    }
    refused { _ = try Classifier(model) }
    refused { try model.checkHasClassifier() }
    let image = try RGBImage(contentsOf: Files.root.appending(path: "Examples/photos/apples.jpg").path)
    #expect(try Embedder(model)(image) == Embedder(complete)(image))
    // A new head, even of as many classes; it is whole then.
    let labels = (0..<model.classes).map { "\($0)" }
    let fresh = try model.withHead(classes: labels, seed: 5)
    #expect(fresh.missingHead == nil)
    #expect(
      fresh.parameters["classifier.weight"]?.floats() != model.parameters["classifier.weight"]?.floats())
    #expect(try Classifier(fresh)(image).logits.count == model.classes)
    // Its file lacks the head, and says so.
    try Files.withScratch { folder in
      let path = folder.appending(path: "m.safetensors").path
      try model.save(to: path)
      #expect(try WeightFile.read(path).tensors["classifier.weight"] == nil)
      let read = try Model(contentsOf: path)
      #expect(read.missingHead == model.missingHead)
      refused { _ = try Classifier(read) }
      #expect(try Embedder(read)(image) == Embedder(complete)(image))
      #expect(
        try read.with(task: read.task).missingHead != nil && read.with(read.parameters).missingHead != nil)
    }
    // Weights for another form of the network: the missing ones are seeded.
    let architecture = try #require(model.architecture)
    let other = try Model.untrained(architecture, startingFrom: model, labels: labels, seed: 8)
    #expect(
      other.parameters["classifier.weight"]?.floats() != model.parameters["classifier.weight"]?.floats())
    #expect(other.parameters["stem.0.weight"]?.floats() == model.parameters["stem.0.weight"]?.floats())
  }

  // MARK: Widths

  @Test(arguments: [
    ("mobilenet_v2", Dialect.torchvision, "torchvision.mobilenet_v2"),
    ("mobilenet_v2", .timm, "timm.mobilenet"),
    ("mobilenet_v3_small", .torchvision, "torchvision.mobilenet_v3"),
    ("mobilenet_v3_large", .timm, "timm.mobilenet"),
    ("mobilenet_v1", .timm, "timm.mobilenet"), ("mobilenet_edgetpu", .timm, "timm.mobilenet"),
  ])
  func theWidthIsThatOfTheShapes(network: String, dialect: Dialect, map: String) throws {
    for width in [0.25, 0.35, 0.5, 0.75, 1, 1.4, 0.6, 1.25] {
      let state = try Self.state(network, dialect, map, width: width)
      let (model, _) = try Self.read(state, path: "mobilenetv3.pth")
      #expect(model.name == network && model.architecture?.dialect == dialect)
      let graph = try #require(try model.architecture?.graph())
      let wanted = try Zoo.architecture(network, ZooOptions(dialect: dialect, width: width, classes: 5))
        .graph()
      #expect(graph.parameters.map(\.shape) == wanted.parameters.map(\.shape), "\(network) \(width)")
      #expect(model.architecture?.width == width, "\(network) \(width)")
    }
  }

  @Test func optionsThatDisagreeWithTheFileAreErrorsThatNameBoth() throws {
    let state = try Self.state(width: 0.5)
    #expect(try Self.read(state, ZooOptions(width: 0.5, classes: 5)).model.architecture?.width == 0.5)
    let remedy = "or name another file"
    let ours = try Self.read(state).model
    try Files.withScratch { folder in
      let path = folder.appending(path: "m.safetensors").path
      try ours.save(to: path)
      for (options, text) in [
        (ZooOptions(width: 0.75), "the file's width is 0.5, not 0.75: leave out --width"),
        (ZooOptions(width: 1), "the file's width is 0.5, not 1"),
        (ZooOptions(classes: 7), "the file's classes is 5, not 7"),
        (ZooOptions(dialect: .timm), "the file's dialect is torchvision, not timm"),
        (ZooOptions(dialect: .paper, width: 0.5), "the file's dialect is torchvision, not paper"),
      ] {
        let line = try refusal(state, options)
        #expect(line.contains(text) && line.contains(remedy), "\(line)")
        do {
          _ = try Model(contentsOf: path, options: options)
          Issue.record("\(text) is ignored")
        } catch { #expect("\(error)".contains(text), "\(error)") }
      }
      #expect(
        try Model(contentsOf: path, options: ZooOptions(dialect: .torchvision, width: 0.5)).classes == 5)
    }
  }

  @Test func theDepthOfAResNetIsThatOfTheNames() throws {
    for depth in [18, 34, 50] {
      let (model, _) = try Self.read(Self.state("resnet\(depth)", .torchvision, "torchvision.resnet"))
      #expect(model.name == "resnet\(depth)")
    }
    let cifar = try Self.read(Self.state("cifar_resnet20", .torchvision, "torchvision.resnet", classes: 10))
    #expect(cifar.model.name == "cifar_resnet20" && cifar.model.labels == Labels.cifar10)
    // Names and shapes of another network, which only --model tells.
    let named = try Self.read(Self.state(), network: "cifar_mobilenet_v2")
    #expect(named.model.architecture?.resolution == 32)
  }

  // MARK: Dialects

  @Test(arguments: [
    ("tf_mobilenetv3_small_100.pth", Dialect.tensorflow), ("runs/TF-MobileNetV3.safetensors", .tensorflow),
    ("models--timm--tf_mobilenetv3_small_100.in1k/snapshots/1/model.safetensors", .tensorflow),
    ("mobilenetv3_small_100.pth", .timm), ("tf_mobilenetv3/mobilenetv3_small_100.pth", .timm),
  ])
  func theNameOfTheFileDecidesTheDialect(path: String, dialect: Dialect) throws {
    let state = try Self.state("mobilenet_v3_small", .timm, "timm.mobilenet", width: 1)
    let (model, notes) = try Self.read(state, path: path)
    #expect(model.architecture?.dialect == dialect && notes.isEmpty)
  }

  @Test func twoDialectsThatFitAreSaid() throws {
    let state = try Self.state("mobilenet_v3_small", .timm, "timm.mobilenet", width: 1)
    let (model, notes) = try Self.read(state)
    #expect(model.architecture?.dialect == .timm)
    #expect(
      notes.count == 1 && notes[0].contains("read as timm (--dialect tensorflow reads it as the other)"))
    for dialect in [Dialect.timm, .tensorflow] {
      let (model, notes) = try Self.read(state, ZooOptions(dialect: dialect))
      #expect(model.architecture?.dialect == dialect && notes.isEmpty)
      #expect(model.architecture?.conventions.padding == (dialect == .timm ? .symmetric : .same))
    }
  }

  // MARK: Nothing fits

  @Test func theNearestNetworkIsNamedOnlyIfItSharesMost() throws {
    let state = try Self.state()
    let cut = state.filter { $0.name != "features.5.conv.1.0.weight" }
    let missing = try refusal(cut)
    #expect(
      missing.hasPrefix(
        "net.pth: the weights are not those of mobilenet_v2: features.5.conv.1.0.weight: missing"),
      "\(missing)")
    let transformer: Named =
      try (0..<12).flatMap { index -> Named in
        [
          ("blocks.\(index).attn.qkv.weight", try tensor([12, 4])),
          ("blocks.\(index).norm1.weight", try tensor([4])),
        ]
      } + [("patch_embed.proj.weight", try tensor([4, 3, 2, 2])), ("head.weight", try tensor([3, 4]))]
    let line = try refusal(transformer)
    #expect(
      line
        == "net.pth: no known network has these tensors: it has 26 tensors: blocks (24), patch_embed (1), head (1); "
        + "first blocks.0.attn.qkv.weight 12×4, blocks.0.norm1.weight 4")
    #expect(try refusal([]).hasSuffix("it has no tensors"))
    #expect(try refusal([("weight", tensor([2]))]).contains("it has 1 tensor: weight (1)"))
    // Another network than the named one.
    let other = try refusal(state, network: "mobilenet_v3_small")
    #expect(
      other.hasPrefix("net.pth: holds mobilenet_v2; the weights are not those of mobilenet_v3_small: "),
      "\(other)")
    #expect(try refusal(state, network: "mobilenet_v1_shallow").contains("no published names are known"))
  }
}
