// Recognition.swift: the network of a state dict, recognized by the names and shapes of its tensors.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// Compares a state dict with the networks whose published names are known.
struct Recognition {
  /// A network under a dialect, with the rule for its names.
  private struct Candidate {
    let network: String
    let dialect: Dialect
    let map: String
  }

  /// A candidate that was built, and how the file disagrees with it.
  private struct Attempt {
    let architecture: Architecture
    let graph: Graph
    let map: NameMap
    let problems: [ParametersError.Problem]
  }

  private let path: String
  private let tensors: NamedTensors

  init(_ path: String, _ tensors: NamedTensors) {
    self.path = path
    self.tensors = tensors
  }

  /// The candidates, in order. Where two dialects share names and shapes the first one is taken unless the options name the
  /// other: timm's `tf_mobilenetv3_*` differ from its own `mobilenetv3_*` in padding and ε only.
  private static let candidates: [Candidate] = {
    func all(_ networks: [String], _ dialect: Dialect, _ map: String) -> [Candidate] {
      networks.map { Candidate(network: $0, dialect: dialect, map: map) }
    }
    let depths = [18, 34, 50, 101, 152]
    let v3 = ["mobilenet_v3_large", "mobilenet_v3_small"]
    let minimalistic = v3.map { $0 + "_minimalistic" }
    return all(["mobilenet_v2"], .torchvision, "torchvision.mobilenet_v2")
      + all(v3, .torchvision, "torchvision.mobilenet_v3")
      + all(depths.map { "resnet\($0)" }, .torchvision, "torchvision.resnet")
      + all(["vgg16", "vgg16_bn"], .torchvision, "torchvision.vgg")
      + all(["mobilenet_v1", "mobilenet_v2"] + v3 + ["mobilenet_edgetpu"], .timm, "timm.mobilenet")
      + all(v3 + minimalistic, .tensorflow, "timm.mobilenet")
      + all(depths.map { "se_resnet\($0)" }, .timm, "timm.seresnet")
      + all(
        depths.map { "se_resnet\($0)" } + ["se_resnext50_32x4d", "senet154"], .legacy, "timm.legacy_senet")
  }()

  /// The model, if the tensors are exactly those of a known network, or of `network` if that is given.
  ///
  /// - Throws: ``ModelError`` with the disagreements of the network that comes nearest.
  func model(_ network: String?, _ options: ZooOptions) throws -> Model {
    if let network { _ = try Zoo.entry(named: network) }
    let candidates = Self.candidates.filter {
      (network == nil || $0.network == network) && (options.dialect == nil || $0.dialect == options.dialect)
    }
    guard !candidates.isEmpty else {
      throw ModelError.noNames(file: path, network: network ?? "that dialect")
    }
    return try best(candidates) { candidate in
      var options = options
      options.dialect = candidate.dialect
      let architecture = try Zoo.architecture(candidate.network, options)
      return try attempt(architecture, candidate.map, classes: options.classes)
    }
  }

  /// The model of a given architecture, by whatever library's names fit.
  ///
  /// - Throws: ``ModelError`` with the disagreements of the library that comes nearest.
  func model(as architecture: Architecture) throws -> Model {
    try best(NameMap.all) { map in
      try attempt(architecture, map.name, classes: architecture.classes)
    }
  }

  /// The first attempt without problems as a model; otherwise the problems of the one with the fewest.
  private func best<Choice>(_ choices: [Choice], _ attempt: (Choice) throws -> Attempt?) throws -> Model {
    var nearest: Attempt?
    for choice in choices {
      guard let attempt = try attempt(choice) else { continue }
      if attempt.problems.isEmpty { return try model(attempt) }
      if attempt.problems.count < nearest?.problems.count ?? .max { nearest = attempt }
    }
    guard let nearest else { throw ModelError.noNames(file: path, network: "this network") }
    throw ModelError.wrongWeights(
      file: path, ParametersError(network: nearest.graph.name, problems: nearest.problems))
  }

  private func attempt(_ architecture: Architecture, _ mapName: String, classes: Int?) throws -> Attempt? {
    guard let map = NameMap.all.first(where: { $0.name == mapName }) else { return nil }
    var architecture = architecture
    var graph = try architecture.graph()
    guard let last = map.sources(for: graph)?.last(where: { $0.parameter.name == "classifier.weight" })
    else { return nil }
    // Networks that were trained on other data have another number of classes.
    if classes == nil, let found = tensors[last.name]?.shape, found.rank >= 2,
      found[0] != architecture.classes
    {
      architecture.classes = found[0]
      graph = try architecture.graph()
    }
    guard let problems = map.problems(for: graph, in: tensors) else { return nil }
    return Attempt(architecture: architecture, graph: graph, map: map, problems: problems)
  }

  private func model(_ attempt: Attempt) throws -> Model {
    let parameters = try attempt.map.parameters(for: attempt.graph, in: tensors)
    let fileName = path.split(separator: "/").last.map(String.init)
    let source = WeightSource.all.first {
      $0.fileName == fileName && $0.network == attempt.architecture.name
        && $0.dialect == attempt.architecture.dialect
    }
    // The libraries' weights are ImageNet's; weights with another number of classes were fine-tuned.
    return try Model(
      attempt.architecture, parameters: parameters, preprocessing: source?.preprocessing,
      labels: ImageSet.imageNet.labels(classes: attempt.architecture.classes) ?? [])
  }
}
