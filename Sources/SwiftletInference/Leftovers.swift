// Leftovers.swift: the tensors of a file that are not the network's: counters and helpers, and what must not be left out.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// The tensors of a state dict that neither body nor head has.
///
/// Counters, metrics, losses and other networks are left out, with a line about them. A layer that stands among the network's
/// own is a problem: without it the network would be another.
struct Leftovers {
  /// Layers that the network does not have.
  private(set) var problems: [ParametersError.Problem] = []
  /// One line about the tensors that are left out.
  private(set) var notes: [String] = []

  /// - Parameters:
  ///   - used: the tensors that are read.
  ///   - refused: families of heads that are not read; they have lines of their own.
  init(
    _ tensors: NamedTensors, _ scope: NameScope, _ body: NetworkBody, used: Set<ExactName>,
    refused: Set<String>
  ) {
    let families = Set(
      (body.sources + body.hidden + body.classifier).map { NameFamily.of(scope.fileName($0.name), scope) })
    // Families with a layer's weights or a norm: without them the network would be another.
    let layered = Set(
      tensors.filter { $0.tensor.shape.rank >= 2 || $0.name.hasSuffix("running_var") }
        .map { NameFamily.of($0.name, scope) })
    var order: [String] = []
    var counts: [String: Int] = [:]
    func count(_ kind: String) {
      if counts[kind] == nil { order.append(kind) }
      counts[kind, default: 0] += 1
    }
    for (name, tensor) in tensors where !used.contains(ExactName(name)) {
      let leaf = name.split(separator: ".").last.map(String.init) ?? name
      if leaf == "num_batches_tracked" { continue }
      let family = NameFamily.of(name, scope)
      if Self.isCounter(name) || tensor.shape.count <= 1 {
        count(leaf)
      } else if refused.contains(family) {
        continue
      } else if !name.hasPrefix(scope.prefix) || Self.isHelper(family) || tensor.shape.count <= 16 {
        count(family)
      } else if !families.contains(family) && !layered.contains(family) {
        count(family)
      } else {
        problems.append(.init(name: name, expected: nil, found: tensor.shape))
      }
    }
    guard !order.isEmpty else { return }
    let shown = order.prefix(6).map { "\(FormatError.shortened($0)) (\(counts[$0] ?? 0))" }
    let rest = order.count > 6 ? " and \(order.count - 6) more" : ""
    let total = counts.values.reduce(0, +)
    notes.append(
      "\(total) \(total == 1 ? "tensor is" : "tensors are") not the network's and left out: "
        + "\(shown.joined(separator: ", "))\(rest)")
  }

  /// Whether a tensor counts something: profilers, averages of weights and batch norms add such.
  static func isCounter(_ name: String) -> Bool {
    let leaf = name.split(separator: ".").last.map(String.init) ?? name
    return [
      "num_batches_tracked", "n_averaged", "total_ops", "total_params", "num_updates", "decay", "num_calls",
      "initted", "step", "steps", "iteration", "global_step", "epoch",
    ].contains(leaf)
  }

  /// Whether a module is one that training adds beside a network: a loss, a metric, another network.
  static func isHelper(_ family: String) -> Bool {
    let words = family.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    let parts = [
      "criterion", "loss", "metric", "accura", "auroc", "confusion", "teacher", "discriminator", "queue",
    ]
    return words.contains { word in
      parts.contains(where: word.contains)
        || [
          "ema", "acc", "f1", "auc", "precision", "recall", "center", "centers", "swa", "target", "momentum",
          "aux",
          "auxlogits", "projector", "projection", "prototypes", "normalize", "mean", "std",
        ].contains(word)
    }
  }

  /// The families of names that a file has, with their numbers of tensors, and its first shapes.
  static func summary(_ tensors: NamedTensors) -> String {
    let whole = NameScope(prefix: commonPrefix(tensors.names), renaming: [:])
    var order: [String] = []
    var counts: [String: Int] = [:]
    for name in tensors.names {
      let family = NameFamily.of(name, whole)
      if counts[family] == nil { order.append(family) }
      counts[family, default: 0] += 1
    }
    let largest = order.sorted { (counts[$0] ?? 0) > (counts[$1] ?? 0) }.prefix(5)
    let families = largest.map { "\(FormatError.shortened($0)) (\(counts[$0] ?? 0))" }
    let rest = order.count > 5 ? " and \(order.count - 5) more" : ""
    let shapes = tensors.prefix(2).map { "\(FormatError.shortened($0.name)) \($0.tensor.shape)" }
    guard !tensors.isEmpty else { return "it has no tensors" }
    return
      "it has \(tensors.count) \(tensors.count == 1 ? "tensor" : "tensors"): \(families.joined(separator: ", "))"
      + "\(rest); first \(shapes.joined(separator: ", "))"
  }

  /// The modules that all names begin with.
  private static func commonPrefix(_ names: [String]) -> String {
    var prefix = ""
    while let first = names.first?.dropFirst(prefix.count), let dot = first.firstIndex(of: ".") {
      let longer = prefix + first[...dot]
      guard names.allSatisfy({ $0.hasPrefix(longer) }) else { break }
      prefix = longer
    }
    return prefix
  }
}
