// Recognition.swift: the network of a state dict, recognized by the names and shapes of its tensors.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// Compares a state dict with the networks whose published names are known.
///
/// The body of a network (all layers up to its feature vector) must be there with its names and shapes, under any prefix. The
/// width multiplier follows from the shapes. The classifier is a layer of the right shape (``HeadSearch``); without one the
/// model gives features only. What is left over must be no layer of the network (``Leftovers``).
struct Recognition {
  /// A model, with a line for each choice that was made.
  typealias Result = (model: Model, notes: [String])

  private let path: String
  private let tensors: NamedTensors
  private let stateDict: String?
  /// The prefixes of names that end with a network's first name, by that name, in the file's order.
  private let anchored: [String: [String]]

  init(_ path: String, _ tensors: NamedTensors, stateDict: String? = nil) {
    self.path = path
    self.tensors = tensors
    self.stateDict = stateDict
    let anchors = Self.anchors
    var anchored: [String: [String]] = [:]
    for name in tensors.names where name.hasSuffix(".weight") {
      // No network's first name has more than four parts.
      var start = name.endIndex
      for _ in 0..<4 {
        let dot = name[..<start].lastIndex(of: ".")
        let rest = String(name[(dot.map { name.index(after: $0) } ?? name.startIndex)...])
        if rest.utf8.count > 64 { break }
        if anchors.contains(rest) { anchored[rest, default: []].append(String(name.dropLast(rest.count))) }
        guard let dot else { break }
        start = dot
      }
    }
    self.anchored = anchored
  }

  /// The first names of all networks, under every renaming.
  private static let anchors = Set(
    RecognizedNetwork.all.flatMap { known in
      known.renamings.map { NameScope(prefix: "", renaming: $0).fileName(known.anchor) }
    })

  /// The model, if the tensors are those of a known network, or of `network` if that is given.
  ///
  /// - Throws: ``ModelError``: another network, options that disagree, the differences from the network that is nearest, or
  ///   what the file holds.
  func model(_ network: String?, _ options: ZooOptions) throws -> Result {
    if let network { _ = try Zoo.entry(named: network) }
    let all = RecognizedNetwork.all
    let named = network.map { name in all.filter { $0.network == name } } ?? all.filter { !$0.isByNameOnly }
    if let network, named.isEmpty { throw ModelError.noNames(file: path, network: network) }
    var nearest: Attempt?
    if let fit = try fit(named, options, &nearest) {
      // Another dialect of the same names and shapes may be meant.
      let others = named.filter { $0.network == fit.known.network && $0.map == fit.known.map }
      return try model(fit, others, options)
    }
    // The options or the name may be wrong about a file that is known.
    var ignored: Attempt?
    if network != nil, let other = try fit(all.filter { !$0.isByNameOnly }, ZooOptions(), &ignored) {
      guard case .wrongWeights(_, let error) = refusal(nearest, isNamed: true) else {
        throw ModelError.otherNetwork(file: path, wanted: network ?? "", found: other.known.network)
      }
      throw ModelError.wrongNetwork(file: path, found: other.known.network, error)
    }
    throw refusal(nearest, isNamed: network != nil)
  }

  /// The model of a given architecture, by whatever library's names fit.
  ///
  /// - Throws: ``ModelError`` with the differences from the library's names that come nearest.
  func model(as architecture: Architecture) throws -> Model {
    var nearest: Attempt?
    for map in NameMap.all {
      let known = RecognizedNetwork(network: architecture.name, dialect: architecture.dialect, map: map.name)
      guard let body = try NetworkBody(known, architecture) else { continue }
      for scope in scopes(of: body, renamings: known.renamings) {
        let attempt = attempt(body, scope)
        if attempt.problems.isEmpty {
          let options = ZooOptions(classes: architecture.classes)
          return try model(attempt, [], options, keepsHead: true).model
        }
        nearest = better(attempt, nearest)
      }
    }
    guard let nearest else { throw ModelError.noNames(file: path, network: architecture.name) }
    throw refusal(nearest, isNamed: true)
  }

  // MARK: Bodies

  /// A body under a prefix, and its differences from the file.
  private struct Attempt {
    let body: NetworkBody
    let scope: NameScope
    /// The number of the body's names that the file has.
    let matches: Int
    let problems: [ParametersError.Problem]

    var known: RecognizedNetwork { body.known }
  }

  /// The first network whose body fits; `nearest` is the one with the fewest differences for its size otherwise.
  private func fit(
    _ networks: [RecognizedNetwork], _ options: ZooOptions, _ nearest: inout Attempt?
  ) throws -> Attempt? {
    // All networks by their own names first: by positions, names have little to tell.
    for renames in [false, true] {
      for known in networks {
        let renamings = known.renamings.filter { $0.isEmpty != renames }
        guard renamings.contains(where: { !prefixes(known.anchor, $0).isEmpty }) else { continue }
        guard let body = try NetworkBody(known, try known.architecture(width: 1, options.resolution)) else {
          continue
        }
        for scope in scopes(of: body, renamings: renamings) {
          var attempt = attempt(body, scope)
          if attempt.problems.isEmpty && (options.width ?? 1) == 1 { return attempt }
          if 2 * attempt.matches > body.sources.count { attempt = try atWidth(attempt, options) }
          if attempt.problems.isEmpty { return attempt }
          nearest = better(attempt, nearest)
        }
      }
    }
    return nil
  }

  private func better(_ attempt: Attempt, _ other: Attempt?) -> Attempt {
    guard let other else { return attempt }
    func share(_ attempt: Attempt) -> Double {
      Double(attempt.problems.count) / Double(attempt.body.sources.count)
    }
    return share(attempt) < share(other) ? attempt : other
  }

  private func attempt(_ body: NetworkBody, _ scope: NameScope) -> Attempt {
    var problems: [ParametersError.Problem] = []
    var matches = 0
    for source in body.sources {
      let name = scope.fileName(source.name)
      let found = tensors[name]?.shape
      if found != nil { matches += 1 }
      if found?.droppingUnitKernel != source.shape.droppingUnitKernel {
        problems.append(.init(name: name, expected: source.shape, found: found))
      }
    }
    // A deeper network has the layers of this one, and more.
    if matches == body.sources.count {
      let names = Set(
        (body.sources + body.hidden + body.classifier).map { ExactName(scope.fileName($0.name)) })
      let families = Set(body.sources.map { NameFamily.of(scope.fileName($0.name), scope) })
      for (name, tensor) in tensors
      where name.hasPrefix(scope.prefix) && !names.contains(ExactName(name)) && tensor.shape.count > 1
        && families.contains(NameFamily.of(name, scope)) && !Leftovers.isCounter(name)
      {
        problems.append(.init(name: name, expected: nil, found: tensor.shape))
      }
    }
    return Attempt(body: body, scope: scope, matches: matches, problems: problems)
  }

  /// The same network at the width of the file's shapes, the option's where it fits, too; where none fits, at the nearest.
  private func atWidth(_ attempt: Attempt, _ options: ZooOptions) throws -> Attempt {
    guard attempt.known.hasWidth, let source = attempt.body.widest,
      let found = tensors[attempt.scope.fileName(source.name)]?.shape.dimensions.first
    else { return attempt }
    let wanted = options.width.map { [$0] } ?? []
    var nearest = attempt
    var bodies: [NetworkBody] = []
    for width in wanted + WidthSearch.candidates(channels: found, at1: source.shape[0]) {
      guard let architecture = try? attempt.known.architecture(width: width, options.resolution),
        let body = try NetworkBody(attempt.known, architecture)
      else { continue }
      let other = self.attempt(body, attempt.scope)
      if other.problems.isEmpty { return other }
      if other.problems.count < nearest.problems.count { nearest = other }
      bodies.append(body)
    }
    // Libraries round the last convolution in ways of their own: torchvision's MobileNetV3 has six times the scaled blocks' channels.
    let features = attempt.body.sources.last { $0.parameter.name == "head.features.weight" }
    guard let features, let channels = tensors[attempt.scope.fileName(features.name)]?.shape.dimensions.first,
      channels > 0
    else { return nearest }
    for body in bodies {
      guard var head = body.architecture.head as? Head else { continue }
      (head.features, head.featuresScaling) = (channels, .never)
      var architecture = body.architecture
      architecture.head = head
      guard (try? architecture.check()) != nil, let adapted = try NetworkBody(attempt.known, architecture)
      else {
        continue
      }
      let other = self.attempt(adapted, attempt.scope)
      let fitsHead = adapted.hidden.allSatisfy {
        tensors[attempt.scope.fileName($0.name)].map(\.shape.droppingUnitKernel)
          ?? $0.shape.droppingUnitKernel
          == $0.shape.droppingUnitKernel
      }
      if other.problems.isEmpty && fitsHead { return other }
    }
    return nearest
  }

  // MARK: Prefixes

  /// The prefixes of names that end with `anchor`, in the file's order.
  private func prefixes(_ anchor: String, _ renaming: NameScope.Renaming) -> [String] {
    anchored[NameScope(prefix: "", renaming: renaming).fileName(anchor)] ?? []
  }

  /// The prefixes under which a body may stand: its first and its last name are there. Plain weights come before averaged ones.
  private func scopes(of body: NetworkBody, renamings: [NameScope.Renaming]) -> [NameScope] {
    guard let last = body.sources.last else { return [] }
    let scopes = renamings.flatMap { renaming in
      prefixes(body.known.anchor, renaming).map { NameScope(prefix: $0, renaming: renaming) }
    }
    let whole = scopes.filter { tensors[$0.fileName(last.name)] != nil }
    let wanted = stateDict.map { key in whole.filter { $0.words.contains(key.lowercased()) } } ?? []
    let usable = wanted.isEmpty ? whole : wanted
    let plain = usable.filter { !$0.isOfAnotherNetwork }
    let ordered = plain + usable.filter(\.isOfAnotherNetwork)
    // A file without the last layer still has a nearest network.
    return ordered.isEmpty ? Array(scopes.prefix(4)) : Array(ordered.prefix(16))
  }

  // MARK: Models

  /// The model of a body that fits.
  private func model(
    _ fit: Attempt, _ others: [RecognizedNetwork], _ options: ZooOptions, keepsHead: Bool = false
  ) throws -> Result {
    var fit = fit
    var notes: [String] = []
    var used = Set(fit.body.sources.map { ExactName(fit.scope.fileName($0.name)) })
    if let chosen = try dialect(fit, others, options, &notes) { fit = chosen }

    let head = HeadSearch(
      tensors, fit.scope, fit.body, used: used, keepsHead: keepsHead
    ).find(classes: keepsHead ? options.classes : nil)
    used.formUnion(head.used)
    notes += head.notes
    let leftovers = Leftovers(tensors, fit.scope, fit.body, used: used, refused: head.unread)
    notes += leftovers.notes
    guard leftovers.problems.isEmpty else {
      throw ModelError.wrongWeights(
        file: path, ParametersError(network: fit.body.graph.name, problems: leftovers.problems))
    }

    var architecture = fit.body.architecture
    architecture.classes = head.classes ?? options.classes ?? architecture.classes
    if head.skipsHidden { architecture.head = fit.body.headWithoutHidden ?? architecture.head }
    try Model.checkAgreement(path, .architecture(architecture), options)
    let graph = try architecture.graph()
    var found: [(parameter: ParameterSpec, tensor: Tensor)] = []
    var seeded = Parameters()
    var missing: [String] = []
    let sources = Dictionary(
      (fit.body.sources + (head.hasHidden ? fit.body.hidden : [])).map { ($0.parameter.name, $0) },
      uniquingKeysWith: { first, _ in first })
    for spec in graph.parameters {
      let tensor =
        head.tensors[spec.name] ?? sources[spec.name].flatMap { tensors[fit.scope.fileName($0.name)] }
      if let tensor {
        found.append((spec, tensor))
      } else {
        seeded[spec.name] = try spec.initialTensor(seed: 1)
        // A linear layer without a bias is one whose bias is zero.
        if !head.zeros.contains(spec.name) { missing.append(spec.name) }
      }
    }
    guard let map = fit.body.map else { throw ModelError.noNames(file: path, network: fit.known.network) }
    let read = try map.parameters(from: found)
    var parameters = Parameters()
    for spec in graph.parameters { parameters[spec.name] = read[spec.name] ?? seeded[spec.name] }

    let fileName = path.split(separator: "/").last.map(String.init)
    let source = WeightSource.all.first {
      $0.fileName == fileName && $0.network == architecture.name && $0.dialect == architecture.dialect
    }
    // The libraries' weights are ImageNet's; weights with another number of classes were fine-tuned.
    let images = (try? Zoo.entry(named: architecture.name))?.images ?? .imageNet
    let labels = missing.isEmpty ? images.labels(classes: architecture.classes) ?? [] : []
    let model = try Model(
      architecture, parameters: parameters, preprocessing: source?.preprocessing, labels: labels)
    guard !missing.isEmpty else { return (model, notes.map { "\(path): \($0)" }) }
    let description = "\(path): has no classifier: \(fit.body.missingText(missing, scope: fit.scope))"
    return (
      model.with(missingHead: MissingHead(parameters: missing, description: description)),
      notes.map { "\(path): \($0)" }
    )
  }

  /// The body in another dialect, where names and shapes are those of several: the option decides, then the file's name.
  private func dialect(
    _ fit: Attempt, _ others: [RecognizedNetwork], _ options: ZooOptions, _ notes: inout [String]
  ) throws -> Attempt? {
    let width = fit.body.architecture.width
    let alternatives = try others.filter { $0.dialect != fit.known.dialect }.compactMap { known -> Attempt? in
      guard let architecture = try? known.architecture(width: width, options.resolution),
        let body = try NetworkBody(known, architecture)
      else { return nil }
      let attempt = attempt(body, fit.scope)
      return attempt.problems.isEmpty ? attempt : nil
    }
    guard let other = alternatives.first else { return nil }
    if let wanted = options.dialect {
      return wanted == fit.known.dialect ? nil : alternatives.first { $0.known.dialect == wanted }
    }
    // timm's names of the two: tf_mobilenetv3_large_100 and mobilenetv3_large_100.
    for part in path.lowercased().split(separator: "/").reversed() {
      let text = String(part.map { $0 == "-" ? "_" : $0 })
      if text.contains("tf_mobilenet") { return alternatives.first { $0.known.dialect == .tensorflow } }
      if text.contains("mobilenetv3") { return nil }
    }
    notes.append(
      "timm's networks with and without tf_ have these names and shapes; it is read as \(fit.known.dialect.rawValue) "
        + "(--dialect \(other.known.dialect.rawValue) reads it as the other)")
    return nil
  }

  // MARK: Refusals

  private func refusal(_ nearest: Attempt?, isNamed: Bool) -> ModelError {
    if let nearest {
      let names = tensors.names.count { !Leftovers.isCounter($0) }
      let sharesMost = 2 * nearest.matches > nearest.body.sources.count && 2 * nearest.matches > names
      if isNamed || sharesMost {
        return .wrongWeights(
          file: path, ParametersError(network: nearest.body.graph.name, problems: nearest.problems))
      }
    }
    return .unknownWeights(file: path, contents: Leftovers.summary(tensors))
  }
}
