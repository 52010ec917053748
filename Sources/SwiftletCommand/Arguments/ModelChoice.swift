// ModelChoice.swift: the model of a command line: --weights or --from, --model and the cache.

import SwiftletModules

/// The options `--weights`, `--model` and those of ``NetworkOptions``.
struct ModelChoice {
  private let weights: String?
  private let network: String?
  private let options: ZooOptions
  private let stateDict: String?

  init(_ arguments: Arguments) throws {
    network = arguments.string("model")
    options = try NetworkOptions.parse(arguments)
    // A command line that names a network or a form of one means that.
    let usual = network == nil && options == ZooOptions() ? EnvironmentVariable.model.value : nil
    weights = arguments.string("weights") ?? usual
    stateDict = arguments.string("state-dict")
  }

  /// The model, with weights.
  ///
  /// - Parameter fallsBack: whether the embedded model is used where no model is named and no published weights are here; a line on
  ///   standard error reports it.
  /// - Throws: an error in the file; or, without one, instructions to get it.
  func model(fallsBack: Bool = false) throws -> Model {
    if let weights {
      return try Self.read(weights, network: network, options: options, stateDict: stateDict)
    }
    if network == EmbeddedModel.name { return try Self.embedded(options) }
    let name = network ?? "mobilenet_v2"
    if fallsBack, network == nil, options == ZooOptions(), !Self.isCached(name) {
      let model = try Self.embedded(options)
      Console.warn(
        "no weights downloaded; using the built-in model (classes: \(model.labels.joined(separator: ", "))). "
          + "Run 'swiftlet pull \(name)' for 1000 classes."
      )
      return model
    }
    _ = try Zoo.architecture(name, options)
    guard let source = WeightSource.preferred(for: name) else {
      throw UsageError("no published weights of \(name) are known; name a file with --weights")
    }
    let path = try WeightCache.path(of: source)
    guard WeightCache.exists(path) else {
      throw CommandError(
        "no weights for \(name): 'swiftlet pull \(source.name)' fetches them to \(path), or name a file with --weights"
      )
    }
    return try Self.load(path, network: name, options: options, stateDict: stateDict)
  }

  /// The model's preprocessing, without reading weights unless they are named.
  ///
  /// - Throws: an error in the name or the file.
  func preprocessing() throws -> Preprocessing {
    if weights != nil || network == EmbeddedModel.name { return try model().preprocessing }
    let name = network ?? "mobilenet_v2"
    var options = self.options
    let source = WeightSource.preferred(for: name)
    // Without a dialect, the default of `classify`: the published weights' own.
    if options.dialect == nil { options.dialect = source?.dialect }
    return .usual(for: try Zoo.architecture(name, options))
  }

  // MARK: Weights by name

  /// The model of `--weights` or `--from`: a file, the folder of a run, a name of 'swiftlet pull --list', or 'embedded'.
  ///
  /// - Parameters:
  ///   - text: the option's value.
  ///   - network: the network that it must be; any if `nil`.
  ///   - options: the form of the network.
  ///   - stateDict: the key of the wanted weights where the file has several sets.
  ///   - checksDigest: whether a checksum in the file's name is compared with the file.
  ///   - warns: whether lines about choices go to standard error.
  /// - Throws: ``UsageError`` with the way to get weights that are not here, an error in the file.
  static func read(
    _ text: String, network: String? = nil, options: ZooOptions = ZooOptions(), stateDict: String? = nil,
    checksDigest: Bool = false, warns: Bool = true
  ) throws -> Model {
    if text == EmbeddedModel.name, !WeightCache.exists(text) {
      let model = try embedded(options)
      guard network == nil || network == EmbeddedModel.name || network == model.name else {
        throw ModelError.otherNetwork(file: text, wanted: network ?? "", found: model.name)
      }
      return model
    }
    let path = try path(of: text)
    if checksDigest { try Model.checkDigest(inNameOf: path) }
    return try load(path, network: network, options: options, stateDict: stateDict, warns: warns)
  }

  /// The file that an option names: itself, the model in a run's folder, or published weights in the cache.
  ///
  /// - Throws: ``UsageError`` where there is no such file or name, a folder has no model, or the cache has no such weights.
  static func path(of text: String) throws -> String {
    if WeightCache.exists(text) {
      // Only a folder has an entry for itself.
      guard WeightCache.exists(text + "/.") else { return text }
      let folder = text.hasSuffix("/") ? String(text.dropLast()) : text
      let path = folder + "/" + Trainer.modelName
      guard WeightCache.exists(path) else {
        throw UsageError(
          "\(text): is a folder without \(Trainer.modelName), which a finished epoch of 'train' writes")
      }
      return path
    }
    guard !NetworkChoice.looksLikePath(text) else { return text }
    guard let source = WeightSource.named(text) ?? WeightSource.preferred(for: text) else {
      if (try? Zoo.entry(named: text)) != nil {
        throw UsageError(
          "no published weights of \(text) are known; 'swiftlet pull --list' shows what there is")
      }
      throw UsageError("\(text): cannot read: no such file, and 'swiftlet pull --list' has no such name")
    }
    let path = try WeightCache.path(of: source)
    guard WeightCache.exists(path) else {
      throw UsageError(
        "no weights of \(text) are here: 'swiftlet pull \(source.name)' fetches them to \(path)")
    }
    return path
  }

  /// The model of a file. Lines about choices, and about tensors that are not read, go to standard error.
  private static func load(
    _ path: String, network: String?, options: ZooOptions, stateDict: String?, warns: Bool = true
  ) throws -> Model {
    try Model(contentsOf: path, network: network, options: options, stateDict: stateDict) { line in
      if warns { Console.warn(line) }
    }
  }

  private static func embedded(_ options: ZooOptions) throws -> Model {
    guard options.width == nil, options.classes == nil, options.dialect == nil else {
      throw UsageError(
        "the built-in model supports only --resolution; --width, --classes and --dialect need other weights")
    }
    return try EmbeddedModel.load(resolution: options.resolution)
  }

  /// Whether the preferred published weights of a network are here.
  private static func isCached(_ name: String) -> Bool {
    guard let source = WeightSource.preferred(for: name), let path = try? WeightCache.path(of: source) else {
      return false
    }
    return WeightCache.exists(path)
  }
}
