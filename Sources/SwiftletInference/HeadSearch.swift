// HeadSearch.swift: the classifier in a state dict: a linear layer of the right shape, by whatever name.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// Searches the tensors that are not the body's for the last layer of a network.
///
/// The library's own name comes first. Otherwise a head is a family of names (`fc.1.weight`, `fc.1.bias`) with one linear layer, or
/// 1×1 convolution, that takes the feature vector. A family of several layers in a row has an activation that no file
/// tells, so it is not read.
struct HeadSearch {
  /// The found layers.
  struct Head {
    /// The tensors, by our parameters' names.
    var tensors: [String: Tensor] = [:]
    /// Parameters that are zero: the bias of a layer without one.
    var zeros: Set<String> = []
    /// The number of classes, where there is a classifier.
    var classes: Int?
    /// Whether the hidden layers of the published network are there.
    var hasHidden = false
    /// Whether the classifier takes the feature vector, where the published network has hidden layers in between.
    var skipsHidden = false
    var used: Set<ExactName> = []
    /// Families of heads that are not read.
    var unread: Set<String> = []
    var notes: [String] = []
  }

  /// A family with a head has this many tensors at most.
  private static let mostTensors = 24

  private let tensors: NamedTensors
  private let scope: NameScope
  private let body: NetworkBody
  private let used: Set<ExactName>
  private let keepsHead: Bool

  /// - Parameters:
  ///   - used: the body's tensors.
  ///   - keepsHead: whether the head must be the architecture's own.
  init(
    _ tensors: NamedTensors, _ scope: NameScope, _ body: NetworkBody, used: Set<ExactName>, keepsHead: Bool
  ) {
    (self.tensors, self.scope, self.body, self.used, self.keepsHead) = (tensors, scope, body, used, keepsHead)
  }

  /// A linear layer among the tensors that are left.
  private struct Layer {
    /// Its name, without `.weight`.
    let name: String
    let family: String
    let outputs: Int, inputs: Int
    let hasBias: Bool
  }

  /// The head; without ``Head/classes`` where there is none.
  ///
  /// - Parameter classes: the number that it must have, if it is known.
  func find(classes: Int?) -> Head {
    var head = Head()
    let hasHidden =
      !body.hidden.isEmpty
      && body.hidden.allSatisfy {
        tensors[scope.fileName($0.name)]?.shape.droppingUnitKernel == $0.shape.droppingUnitKernel
      }
    head.hasHidden = hasHidden
    if hasHidden { head.used.formUnion(body.hidden.map { ExactName(scope.fileName($0.name)) }) }
    let layers = layers(besides: head.used)
    let own = body.classifier.first.map { String(scope.fileName($0.name).dropLast(".weight".count)) }
    // A classifier of another input than the hidden layer's output takes the feature vector itself.
    var choices = [(inputs: body.classifierInputs, skips: false)]
    if !body.hidden.isEmpty && !hasHidden {
      choices = keepsHead ? [] : [(inputs: body.featureCount, skips: true)]
    }
    for (inputs, skips) in choices {
      // Nobody has so many heads; a file may.
      let fitting = layers.filter { $0.inputs == inputs && (classes ?? $0.outputs) == $0.outputs }.prefix(64)
      guard let chosen = best(fitting, own, among: layers, inputs) else { continue }
      take(chosen, into: &head)
      head.skipsHidden = skips
      let others = fitting.filter { $0.name != chosen.name && $0.hasBias }
      if !others.isEmpty {
        let names = others.prefix(3).map { "\(FormatError.shortened($0.name)) [\($0.outputs), \($0.inputs)]" }
        head.notes.append(
          "the head \(chosen.name) [\(chosen.outputs), \(chosen.inputs)] is read; "
            + "\(others.count == 1 ? "another one is" : "\(others.count) others are") not: \(names.joined(separator: ", "))"
        )
        head.unread.formUnion(others.map(\.family))
      }
      break
    }
    let unread = layers.filter { layer in
      layer.hasBias && !head.used.contains(ExactName(layer.name + ".weight"))
    }
    let families = Set(unread.map(\.family)).filter {
      Self.isHeadWord($0) || $0 == own?.split(separator: ".").first.map(String.init)
    }
    head.unread.formUnion(families)
    if head.classes == nil, let first = unread.first(where: { families.contains($0.family) }) {
      head.notes.append(
        "its head (\(FormatError.shortened(first.name)) [\(first.outputs), \(first.inputs)]"
          + "\(unread.count > 1 ? " and \(unread.count - 1) more" : "")) is not read: it is no single layer after the "
          + "\(body.featureCount) features")
    }
    return head
  }

  private func take(_ layer: Layer, into head: inout Head) {
    head.classes = layer.outputs
    head.tensors["classifier.weight"] = tensors[layer.name + ".weight"]
    head.used.insert(ExactName(layer.name + ".weight"))
    if layer.hasBias {
      head.tensors["classifier.bias"] = tensors[layer.name + ".bias"]
      head.used.insert(ExactName(layer.name + ".bias"))
    } else {
      head.zeros.insert("classifier.bias")
    }
  }

  /// The layer of a family that is a head: alone in it, or beside others of the same input. The library's own name comes first, then
  /// names that heads have.
  private func best(_ fitting: ArraySlice<Layer>, _ own: String?, among layers: [Layer], _ inputs: Int)
    -> Layer?
  {
    let heads = fitting.filter { layer in
      layers.allSatisfy { $0.family != layer.family || $0.inputs == inputs } && !hasNorms(layer.family)
        && (layer.hasBias || layer.name == own || Self.isHeadWord(layer.family))
    }
    return heads.first { $0.name == own } ?? heads.first { Self.isHeadWord($0.family) } ?? heads.first
  }

  /// Whether a family has tensors that change the features before the head.
  private func hasNorms(_ family: String) -> Bool {
    tensors.contains { name, _ in
      NameFamily.of(name, scope) == family && !used.contains(ExactName(name))
        && (name.hasSuffix(".running_mean") || name.hasSuffix(".running_var"))
    }
  }

  private func layers(besides hidden: Set<ExactName>) -> [Layer] {
    // A family of more tensors than any head is another network.
    var sizes: [String: Int] = [:]
    for name in tensors.names where !used.contains(ExactName(name)) {
      sizes[NameFamily.of(name, scope), default: 0] += 1
    }
    return tensors.compactMap { name, tensor in
      guard name.hasSuffix(".weight"), !used.contains(ExactName(name)), !hidden.contains(ExactName(name))
      else {
        return nil
      }
      let shape = tensor.shape.droppingUnitKernel
      guard shape.rank == 2, shape[0] > 0, tensor.scalarType.isFloatingPoint else { return nil }
      let layer = String(name.dropLast(".weight".count))
      let family = NameFamily.of(name, scope)
      guard !Leftovers.isHelper(family), sizes[family] ?? 0 <= Self.mostTensors else { return nil }
      let bias = tensors[layer + ".bias"]
      guard bias.map({ $0.shape == [shape[0]] }) ?? true else { return nil }
      return Layer(
        name: layer, family: family, outputs: shape[0], inputs: shape[1], hasBias: bias != nil)
    }
  }

  /// Whether a module's name is one that heads have.
  static func isHeadWord(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["classif", "head", "linear", "logit", "output"].contains(where: name.contains)
      || ["fc", "cls", "out", "last", "dense", "top", "predictor"].contains { word in
        name.split { !$0.isLetter }.contains { $0 == word }
      }
  }
}

/// Families of tensors: those whose names share the first module after the network's prefix.
enum NameFamily {
  /// The family of a name: its first module, after as many modules as it shares with the prefix.
  static func of(_ name: String, _ scope: NameScope) -> String {
    var parts = name.split(separator: ".")[...]
    for module in scope.prefix.split(separator: ".") {
      guard parts.count > 1, parts.first == module else { break }
      parts = parts.dropFirst()
    }
    return parts.first.map(String.init) ?? name
  }
}
