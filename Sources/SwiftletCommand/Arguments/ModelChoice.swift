// ModelChoice.swift: the model of a command line: --weights, --model and the cache.

import SwiftletModules

/// The options `--weights`, `--model` and those of ``NetworkOptions``.
struct ModelChoice {
  private let weights: String?
  private let network: String?
  private let options: ZooOptions

  init(_ arguments: Arguments) throws {
    weights = arguments.string("weights")
    network = arguments.string("model")
    options = try NetworkOptions.parse(arguments)
  }

  /// The model, with weights.
  ///
  /// - Parameter fallsBack: whether the embedded model is used where no model is named and no published weights are here; a line on
  ///   standard error reports it.
  /// - Throws: an error in the file; or, without one, instructions to get it.
  func model(fallsBack: Bool = false) throws -> Model {
    if let weights { return try Model(contentsOf: weights, network: network, options: options) }
    if network == EmbeddedModel.name { return try embedded() }
    let name = network ?? "mobilenet_v2"
    if fallsBack, network == nil, options == ZooOptions(), !Self.isCached(name) {
      let model = try embedded()
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
    return try Model(contentsOf: path, network: name, options: options)
  }

  /// The model's preprocessing, without reading weights unless they are named.
  ///
  /// - Throws: an error in the name or the file.
  func preprocessing() throws -> Preprocessing {
    if let weights {
      return try Model(contentsOf: weights, network: network, options: options).preprocessing
    }
    if network == EmbeddedModel.name { return try embedded().preprocessing }
    let name = network ?? "mobilenet_v2"
    var options = self.options
    let source = WeightSource.preferred(for: name)
    // Without a dialect, the default of `classify`: the published weights' own.
    if options.dialect == nil { options.dialect = source?.dialect }
    return .usual(for: try Zoo.architecture(name, options))
  }

  private func embedded() throws -> Model {
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
