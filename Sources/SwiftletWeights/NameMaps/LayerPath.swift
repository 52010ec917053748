// LayerPath.swift: a parameter's path taken apart, for the name maps.

import SwiftletGraph

/// The position of a layer in one of our networks: `stages.3.1.expand` is the layer `expand` of a block.
package struct LayerPath: Sendable, Hashable {
  /// The part of the network.
  package enum Part: Sendable, Hashable {
    /// A row before the stages.
    case stem(Int)
    /// A block; `ordinal` counts blocks through all stages.
    case block(stage: Int, index: Int, ordinal: Int)
    /// The head's 1×1 convolution.
    case features
    /// A linear layer before the classifier.
    case hidden(Int)
    /// The last layer.
    case classifier
  }

  /// The part of the network.
  package let part: Part
  /// The layer inside a block: `expand`, `squeeze.reduce`; empty where the block is one layer.
  package let layer: String
}

/// The layers of a network, by its parameters' names, as name maps use them.
struct NetworkLayers {
  /// Each parameter with its layer's path and the rest of its name: `weight`, `norm.scale`.
  let parameters: [(spec: ParameterSpec, path: LayerPath, leaf: String)]
  /// The number of blocks with parameters in each stage.
  let blocksPerStage: [Int]
  private let layers: Set<LayerPath>

  init(_ graph: Graph) {
    var ordinals: [String: Int] = [:]
    var counts: [Int] = []
    var parameters: [(ParameterSpec, LayerPath, String)] = []
    for spec in graph.parameters {
      var words = spec.name.split(separator: ".").map(String.init)
      let leafLength = words.dropLast().last == "norm" ? 2 : 1
      let leaf = words.suffix(leafLength).joined(separator: ".")
      words.removeLast(leafLength)
      let numbers = words.map { Int($0) }
      let part: LayerPath.Part
      var used = 1
      switch words.first {
      case "stem" where numbers.count >= 2: (part, used) = (.stem(numbers[1] ?? 0), 2)
      case "stages" where numbers.count >= 3:
        let (stage, index) = (numbers[1] ?? 0, numbers[2] ?? 0)
        let key = "\(stage).\(index)"
        if ordinals[key] == nil {
          ordinals[key] = ordinals.count
          while counts.count <= stage { counts.append(0) }
          counts[stage] += 1
        }
        (part, used) = (.block(stage: stage, index: index, ordinal: ordinals[key] ?? 0), 3)
      case "head" where words.count >= 3: (part, used) = (.hidden(numbers[2] ?? 0), 3)
      case "head": (part, used) = (.features, 2)
      default: part = .classifier
      }
      let layer = words.dropFirst(used).joined(separator: ".")
      parameters.append((spec, LayerPath(part: part, layer: layer), leaf))
    }
    self.parameters = parameters
    blocksPerStage = counts
    layers = Set(parameters.map { $0.1 })
  }

  /// Whether the block that `path` is in has a layer of that name.
  func has(_ layer: String, besides path: LayerPath) -> Bool {
    layers.contains(LayerPath(part: path.part, layer: layer))
  }

  /// Whether the network has such a part.
  func has(_ part: LayerPath.Part) -> Bool { layers.contains(LayerPath(part: part, layer: "")) }

  /// All blocks of all stages.
  var blockCount: Int { blocksPerStage.reduce(0, +) }
}
