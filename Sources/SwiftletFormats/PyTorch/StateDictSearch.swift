// StateDictSearch.swift: the state dicts of a checkpoint, under whatever keys, and the choice among them.

/// A dictionary of tensors in a pickle, or the tensors of a pickled module.
struct StateDict: Sendable {
  /// The keys that lead to it, joined by dots; empty for the saved object itself.
  let path: String
  /// Names and indices into ``PickleHeap/tensors``, in order.
  let tensors: [(name: String, index: Int)]
  /// The number of tensors with at least two dimensions: convolutions and linear layers have them, counters do not.
  let weights: Int
}

/// Finds the state dicts of a checkpoint, from the outside in. Each dictionary is looked at once, however it is shared.
struct StateDictSearch {
  /// The keys of plain weights, in order of preference.
  static let plainKeys = [
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module",
    "student", "model_params", "net_state_dict", "network_state_dict", "model_weights", "backbone", "encoder",
    "online_model", "current_model_state", "generator",
  ]
  /// Words in the keys of averaged weights and of other networks than the trained one.
  private static let averagedWords: Set = [
    "ema", "swa", "averaged", "average", "avg", "polyak", "shadow", "teacher", "target", "momentum", "old",
    "previous", "initial",
  ]
  /// Words in the keys of the rest of a training run.
  private static let trainingWords: Set = [
    "optim", "optimizer", "optimizers", "optimiser", "opt", "scheduler", "schedulers", "sched", "scaler",
    "criterion",
    "loss", "losses", "discriminator", "metrics", "callbacks", "loops", "rng", "buffer",
  ]
  /// Levels of keys that are followed, and levels of modules.
  private static let deepest = (keys: 8, modules: 64)
  /// A module may have this many tensors and modules. Modules that share others could have any number.
  private static let mostTensors = 100_000
  private static let mostModules = 200_000
  /// Bytes that the names of a module's tensors may take.
  private static let mostNameBytes = 64 << 20

  private let heap: PickleHeap
  private let file: String
  private var found: [StateDict] = []
  private var queue: [(value: PickleValue, path: [String])] = []
  private var seen = Set<Int>()
  private var seenObjects = Set<Int>()
  private var seenSequences = Set<Int>()
  private var modulesLeft = mostModules
  private var nameBytesLeft = mostNameBytes

  /// All state dicts under `root`.
  ///
  /// - Throws: ``FormatError/malformed(file:reason:)`` where a key of a dictionary was set twice.
  static func all(_ root: PickleValue, _ heap: PickleHeap, file: String) throws -> [StateDict] {
    var search = StateDictSearch(heap: heap, file: file)
    search.queue.append((root, []))
    var next = 0
    while next < search.queue.count {
      let (value, path) = search.queue[next]
      next += 1
      try search.visit(value, path)
    }
    return search.found
  }

  private init(heap: PickleHeap, file: String) {
    (self.heap, self.file) = (heap, file)
  }

  private mutating func visit(_ value: PickleValue, _ path: [String]) throws {
    switch value {
    case .dictionary(let index): try visitDictionary(index, path)
    case .sequence(let index):
      guard seenSequences.insert(index).inserted else { return }
      for (position, element) in heap.sequences[index].prefix(16).enumerated() {
        follow(element, path + ["\(position)"])
      }
    case .object(let index):
      guard seenObjects.insert(index).inserted else { return }
      let object = heap.objects[index]
      if let items = object.items { try visitDictionary(items, path) }
      guard let index = object.attributes else { return }
      let attributes = try PickleDictionary(index, heap, file: file)
      if attributes["_parameters"] != nil || attributes["_modules"] != nil
        || object.className.hasPrefix("__torch__.")
      {
        try addModule(value, path)
      } else {
        try visitDictionary(index, path, hasTensors: false)
      }
    default: break
    }
  }

  private mutating func visitDictionary(_ index: Int, _ path: [String], hasTensors: Bool = true) throws {
    guard seen.insert(index).inserted else { return }
    let dictionary = try PickleDictionary(index, heap, file: file)
    if hasTensors {
      add(
        dictionary.pairs.compactMap { pair in
          if case .tensor(let index) = pair.value { (pair.name, index) } else { nil }
        }, path)
    }
    for (name, value) in dictionary.pairs { follow(value, path + [Self.shortened(name)]) }
  }

  /// Looks at a value later, if it can hold a dictionary.
  private mutating func follow(_ value: PickleValue, _ path: [String]) {
    guard path.count <= Self.deepest.keys else { return }
    switch value {
    case .dictionary, .sequence, .object: queue.append((value, path))
    default: break
    }
  }

  /// A key at a length that a path can carry: a file may use one text for a great many dictionaries.
  private static func shortened(_ key: String) -> String {
    key.utf8.count <= 200 ? key : String(String.UnicodeScalarView(key.unicodeScalars.prefix(100)))
  }

  private mutating func add(_ tensors: [(name: String, index: Int)], _ path: [String]) {
    guard !tensors.isEmpty else { return }
    let weights = tensors.count { heap.sequences[heap.tensors[$0.index].sizes].count >= 2 }
    found.append(StateDict(path: path.joined(separator: "."), tensors: tensors, weights: weights))
  }

  // MARK: Modules

  /// The tensors of a pickled module by the names that its `state_dict()` has, out of its attributes.
  private mutating func addModule(_ module: PickleValue, _ path: [String]) throws {
    var tensors: [(name: String, index: Int)] = []
    try collect(module, "", &tensors, depth: Self.deepest.modules)
    guard nameBytesLeft >= 0 else {
      throw FormatError.overLimit(file: file, reason: "its module has names without end")
    }
    var names = Set<String>()
    // A buffer may be a parameter's alias; a state dict has each name once.
    add(tensors.filter { names.insert($0.name).inserted }, path)
  }

  private mutating func collect(
    _ value: PickleValue, _ prefix: String, _ tensors: inout [(name: String, index: Int)], depth: Int
  ) throws {
    guard depth > 0, case .object(let index) = value, let state = heap.objects[index].attributes else {
      return
    }
    seenObjects.insert(index)
    seen.insert(state)
    modulesLeft -= 1
    nameBytesLeft -= prefix.utf8.count
    guard tensors.count <= Self.mostTensors, modulesLeft >= 0, nameBytesLeft >= 0 else {
      throw FormatError.overLimit(
        file: file, reason: "its module has more than \(Self.mostTensors) tensors, or names without end")
    }
    let attributes = try PickleDictionary(state, heap, file: file)
    func append(_ name: String, _ tensor: Int) {
      nameBytesLeft -= prefix.utf8.count + name.utf8.count
      if nameBytesLeft >= 0 { tensors.append((prefix + name, tensor)) }
    }
    // A module of TorchScript has its tensors and its modules among its attributes.
    if heap.objects[index].className.hasPrefix("__torch__.") {
      for (name, value) in attributes.pairs {
        if case .tensor(let tensor) = value { append(name, tensor) }
        try collect(value, "\(prefix)\(name).", &tensors, depth: depth - 1)
      }
      return
    }
    for key in ["_parameters", "_buffers"] {
      for (name, value) in try members(attributes[key]) {
        if case .tensor(let tensor) = value { append(name, tensor) }
      }
    }
    for (name, value) in try members(attributes["_modules"]) {
      try collect(value, "\(prefix)\(name).", &tensors, depth: depth - 1)
    }
  }

  private func members(_ value: PickleValue?) throws -> [(name: String, value: PickleValue)] {
    switch value {
    case .dictionary(let index): try PickleDictionary(index, heap, file: file).pairs
    case .object(let object):
      try heap.objects[object].items.map { try PickleDictionary($0, heap, file: file).pairs } ?? []
    default: []
    }
  }

  // MARK: Choice

  /// The state dict to read and a line about the choice where there are several, or `nil` where there is none.
  ///
  /// Plain weights come before averaged ones, named keys before others, and small dictionaries last.
  ///
  /// - Parameter key: the key, or the path of keys, that is wanted.
  static func choose(_ all: [StateDict], key: String?, file: String) -> (chosen: StateDict, note: String?)? {
    if let key {
      let matches = all.filter { $0.path == key || $0.path.split(separator: ".").contains { $0 == key } }
      return matches.max { $0.weights < $1.weights }.map { ($0, nil) }
    }
    let most = all.map(\.weights).max() ?? 0
    let ranked = all.enumerated().map {
      (rank: rank($0.element, most: most), offset: $0.offset, dict: $0.element)
    }
    .sorted { ($0.rank, $0.offset) < ($1.rank, $1.offset) }.map(\.dict)
    guard let chosen = ranked.first else { return nil }
    let others = ranked.dropFirst().filter {
      $0.weights > 0 && 2 * $0.weights >= chosen.weights && !$0.path.isEmpty && kind(of: $0) != .training
    }
    guard let other = others.first, chosen.weights > 0 else { return (chosen, nil) }
    let names = ([chosen] + others.prefix(3)).map { "'\(FormatError.shortened($0.path))'" }
    let rest = others.count > 3 ? " and \(others.count - 3) more" : ""
    return (
      chosen,
      "\(file): has weights under \(names.joined(separator: ", "))\(rest); \(names[0]) is read "
        + "(--state-dict \(FormatError.shortened(other.path)) reads the other)"
    )
  }

  /// The use of a state dict, by the words in its keys.
  private enum Kind: Int { case plain, other, averaged, training }

  private static func kind(of dict: StateDict) -> Kind {
    let parts = dict.path.split(separator: ".").map { $0.lowercased() }
    let words = parts.flatMap { $0.split { !$0.isLetter && !$0.isNumber } }.map(String.init)
    if words.contains(where: trainingWords.contains) { return .training }
    if words.contains(where: averagedWords.contains) || parts.contains(where: { $0.contains("ema_") }) {
      return .averaged
    }
    return dict.path.isEmpty || parts.contains(where: plainKeys.contains) ? .plain : .other
  }

  /// The order of preference: the lowest first.
  private static func rank(_ dict: StateDict, most: Int) -> Int {
    let kind = kind(of: dict)
    let parts = dict.path.split(separator: ".").map { $0.lowercased() }
    let order = parts.compactMap { plainKeys.firstIndex(of: $0) }.min() ?? plainKeys.count
    // A few tensors beside a network's are no network.
    let isSmall = dict.weights == 0 || 8 * dict.weights < most
    return (isSmall ? 10_000 : 0) + kind.rawValue * 1000 + (kind == .plain ? order : 0)
  }
}

/// A dictionary of a pickle, by its keys that are text.
struct PickleDictionary {
  let pairs: [(name: String, value: PickleValue)]
  private let indices: [ExactName: Int]

  /// - Parameter index: an index into ``PickleHeap/dictionaries``.
  /// - Throws: ``FormatError/malformed(file:reason:)`` where a key was set twice, which torch.save never does.
  init(_ index: Int, _ heap: PickleHeap, file: String) throws {
    var pairs: [(name: String, value: PickleValue)] = []
    var indices: [ExactName: Int] = [:]
    for case (.text(let name), let value) in heap.dictionaries[index] {
      guard indices.updateValue(pairs.count, forKey: ExactName(name)) == nil else {
        let reason = "pickle: the key '\(FormatError.shortened(name))' is set twice"
        throw FormatError.malformed(file: file, reason: reason)
      }
      pairs.append((name, value))
    }
    self.pairs = pairs
    self.indices = indices
  }

  subscript(key: String) -> PickleValue? { indices[ExactName(key)].map { pairs[$0].value } }
}
