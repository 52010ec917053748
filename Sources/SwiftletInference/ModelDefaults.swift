// ModelDefaults.swift: preprocessing and labels of the zoo's networks, for models that are made without any.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

extension Preprocessing {
  /// The usual preprocessing of an architecture's weights: that of the zoo's network of that name, else of its dialect. It is the
  /// default when a model is made; a model keeps its own.
  public static func usual(for architecture: Architecture) -> Preprocessing {
    let (dialect, resolution) = (architecture.dialect, architecture.resolution)
    if let entry = try? Zoo.entry(named: Zoo.plainName(architecture.name)) {
      if entry.images == .cifar10 { return .cifar(resolution: resolution) }
      if let source = WeightSource.preferred(for: entry.name), source.dialect == dialect {
        return source.preprocessing.scaled(to: resolution)
      }
      if entry.symmetricInputs.contains(dialect) {
        return .timm(resolution: resolution, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])
      }
    }
    switch dialect {
    case .torchvision: return .torchvision(resolution: resolution)
    case .timm, .legacy: return .timm(resolution: resolution)
    case .paper, .tensorflow:
      return architecture.conventions.padding == .same
        ? .tensorFlow(resolution: resolution) : .torchvision(resolution: resolution)
    }
  }
}

extension ImageSet {
  /// The names of the classes of networks that were trained on the set; TensorFlow's have "background" before ImageNet's.
  /// `nil` where that many classes are not the set's.
  func labels(classes: Int) -> [String]? {
    switch (self, classes) {
    case (.imageNet, 1000): Labels.imageNet
    case (.imageNet, 1001): ["background"] + Labels.imageNet
    case (.cifar10, 10): Labels.cifar10
    default: nil
    }
  }
}
