// RunIdentity.swift: the settings of a run that must be equal for it to be resumed.

import SwiftletArchitectures
import SwiftletCore
import SwiftletData

/// Everything that decides the numbers of a run. It is in every checkpoint and in `config.json`.
///
/// Members that older checkpoints lack are not compared with them.
package struct RunIdentity: Sendable, Codable, Equatable {
  /// The images, as far as a run depends on them.
  package struct DataIdentity: Sendable, Codable, Equatable {
    /// The classes' names.
    package var classes: [String]
    /// The number of images in each part.
    package var training: Int, validation: Int
    /// A hash of their targets in order: it differs for another split of the same images.
    package var labels: String
    /// A hash of their fingerprints in order (``ImageDataset/fingerprint(_:)``): of files their names below the data
    /// set's root and their sizes, of CIFAR's records their bytes. Files whose bytes change and whose names and sizes
    /// stay are not detected.
    package var images: String?

    /// The identity of a split: its classes, its counts, and hashes of targets and fingerprints.
    package init(_ data: Split<any ImageDataset>) {
      classes = data.training.classes
      training = data.training.count
      validation = data.validation?.count ?? 0
      var (targets, fingerprints) = (FowlerNollVo(), FowlerNollVo())
      for part in [data.training, data.validation].compactMap({ $0 }) {
        Self.add(part, to: &targets)
        for index in 0..<part.count { fingerprints.add(part.fingerprint(index)) }
      }
      (labels, images) = (targets.text, fingerprints.text)
    }

    private static func add<Images: ImageDataset>(_ part: Images, to hash: inout FowlerNollVo) {
      for index in 0..<part.count {
        switch part.target(index) {
        case let label as Int: hash.add(UInt64(truncatingIfNeeded: label))
        case let labels as [Int]:
          hash.add(UInt64(labels.count))
          for label in labels { hash.add(UInt64(truncatingIfNeeded: label)) }
        case let other: hash.add("\(other)")
        }
      }
    }
  }

  /// The network, where it is an architecture, or where it is a graph.
  package var architecture: Architecture?, graph: Graph?
  /// The recipe.
  package var recipe: Recipe
  /// The frozen part of the network.
  package var freeze: Freeze
  /// The preprocessing of images.
  package var preprocessing: Preprocessing
  /// The images.
  package var data: DataIdentity
  /// The teacher's name, and a hash of its network, weights and preprocessing.
  package var teacher: String?, teacherWeights: String?
  /// The task; `nil` for ``ClassificationTask``.
  package var task: StoredTask?
  /// The loss: its name and its constants.
  package var loss: String?

  /// Collects the settings of a run.
  package init(
    network: NetworkDefinition, recipe: Recipe, freeze: Freeze, preprocessing: Preprocessing,
    data: DataIdentity, teacher: Trainer.Teacher? = nil, task: any TrainingTask = ClassificationTask(),
    loss: any Loss
  ) {
    switch network {
    case .architecture(let architecture): self.architecture = architecture
    case .graph(let graph): self.graph = graph
    }
    self.recipe = recipe
    self.freeze = freeze
    self.preprocessing = preprocessing
    self.data = data
    self.teacher = teacher?.network.name
    teacherWeights = teacher?.digest
    self.task = task is ClassificationTask ? nil : StoredTask(task)
    // Whatever has no text of its own has at least its name.
    self.loss = "\(type(of: loss).name) \((try? StableJSON.text(loss, namesNonFinite: true)) ?? "")"
  }

  /// The task.
  var trainingTask: any TrainingTask { task?.task ?? ClassificationTask() }

  /// The network's name.
  var networkName: String { architecture?.name ?? graph?.name ?? "" }

  /// The rows of a report's table: names and values.
  var rows: [(String, String)] {
    var rows: [(String, String)] = [("network", networkName)]
    if let architecture {
      rows += [
        ("width", "\(architecture.width)"), ("resolution", "\(architecture.resolution)"),
        ("dialect", architecture.dialect.rawValue),
      ]
    }
    rows += [
      ("classes", "\(data.classes.count)"),
      ("training images", "\(data.training)"), ("validation images", "\(data.validation)"),
      ("frozen", "\(freeze)"), ("epochs", "\(recipe.epochs)"), ("batch", "\(recipe.batch)"),
      ("accumulation", "\(recipe.accumulation)"), ("optimizer", "\(recipe.optimizer)"),
      ("learning rate", "\(recipe.learningRate)"), ("schedule", "\(recipe.schedule.curve)"),
      ("warm-up epochs", "\(recipe.schedule.warmUp)"), ("weight decay", "\(recipe.weightDecay)"),
      ("no decay of", recipe.decayExclusions.map(\.rawValue).joined(separator: ", ")),
      ("label smoothing", "\(recipe.labelSmoothing)"),
      ("augmentation", recipe.augmentation.map { "\($0)" }.joined(separator: ", ")),
    ]
    if let task {
      let attributes = (try? StableJSON.text(task.task)) ?? "{}"
      let name = type(of: task.task).name
      rows.insert(("task", attributes == "{}" ? name : "\(name) \(attributes)"), at: 1)
    }
    if let clip = recipe.clipNorm { rows.append(("largest gradient norm", "\(clip)")) }
    if let mixing = recipe.mixing { rows.append(("mixing", "\(mixing)")) }
    if let dropout = recipe.dropout { rows.append(("dropout", "\(dropout)")) }
    if recipe.stochasticDepth > 0 { rows.append(("stochastic depth", "\(recipe.stochasticDepth)")) }
    if let teacher {
      rows.append(("teacher", teacher))
      if let distillation = recipe.distillation {
        rows.append(("teacher's temperature", "\(distillation.temperature)"))
        rows.append(("teacher's share", "\(distillation.weight)"))
      }
    }
    if let decay = recipe.averageDecay { rows.append(("average of weights", "\(decay)")) }
    if let decay = recipe.layerDecay { rows.append(("decay of rates by stage", "\(decay)")) }
    if let early = recipe.earlyResolution {
      rows.append(("smaller images", "ρ \(early.multiplier) in the first \(early.share) of the epochs"))
    }
    if recipe.whitensStem ?? false { rows.append(("first kernel", "principal components of patches")) }
    if recipe.balancesClasses ?? false { rows.append(("class weights", "balanced")) }
    if recipe.mirrorsEvaluation ?? false { rows.append(("evaluation", "mean of image and mirror image")) }
    rows.append(("seed", "\(recipe.seed)"))
    return rows
  }

  /// Throws unless a checkpoint's identity is this run's, or this run has another number of epochs: a run may be extended or
  /// shortened, and its patience and target may change. The schedule is then that of the new number of epochs, from the next update
  /// on.
  ///
  /// - Throws: ``TrainingError/otherRun(file:what:there:here:)`` with the first setting that differs.
  func check(against stored: RunIdentity, file: String) throws {
    var stored = stored
    stored.loss = stored.loss ?? loss
    stored.data.images = stored.data.images ?? data.images
    if stored.teacher != nil { stored.teacherWeights = stored.teacherWeights ?? teacherWeights }
    stored.recipe.epochs = recipe.epochs
    stored.recipe.patience = recipe.patience
    stored.recipe.targetScore = recipe.targetScore
    guard stored != self else { return }
    func refuse(_ what: String, _ there: String, _ here: String) -> TrainingError {
      .otherRun(file: file, what: what, there: there, here: here)
    }
    if stored.architecture != architecture || stored.graph != graph {
      guard stored.networkName == networkName else {
        throw refuse("network", stored.networkName, networkName)
      }
      throw stored.architecture != architecture
        ? Self.difference(stored.architecture, architecture, "architecture", file: file)
        : Self.difference(stored.graph, graph, "graph", file: file)
    }
    if stored.data.classes != data.classes {
      func text(_ names: [String]) -> String {
        "\(names.count) (\(names.prefix(4).joined(separator: ", "))\(names.count > 4 ? ", …" : ""))"
      }
      throw refuse("list of classes", text(stored.data.classes), text(data.classes))
    }
    if stored.data.training != data.training {
      throw refuse("number of images", "\(stored.data.training)", "\(data.training)")
    }
    if stored.task != task {
      func name(_ task: StoredTask?) -> String {
        task.flatMap { try? StableJSON.text($0) } ?? ClassificationTask.name
      }
      throw refuse("task", name(stored.task), name(task))
    }
    if stored.data.labels != data.labels {
      throw refuse("list of targets", "another one", "of as many images")
    }
    if stored.data.images != data.images {
      throw refuse("list of images", "another one (names or sizes of files)", "of the same targets")
    }
    if stored.freeze != freeze { throw refuse("freeze", "\(stored.freeze)", "\(freeze)") }
    if stored.teacher != teacher { throw refuse("teacher", stored.teacher ?? "none", teacher ?? "none") }
    if stored.teacherWeights != teacherWeights {
      throw refuse("teacher's weights", stored.teacherWeights ?? "none", teacherWeights ?? "none")
    }
    if stored.recipe != recipe { throw Self.difference(stored.recipe, recipe, "recipe", file: file) }
    if stored.loss != loss { throw refuse("loss", stored.loss ?? "none", loss ?? "none") }
    throw Self.difference(stored, self, "configuration", file: file)
  }

  /// The first member of two values' JSON that differs, as an error.
  private static func difference(
    _ there: some Encodable, _ here: some Encodable, _ what: String, file: String
  ) -> TrainingError {
    func lines(_ value: some Encodable) -> [String] {
      guard let text = try? StableJSON.text(value, isIndented: true) else { return [] }
      return text.split(separator: "\n").map {
        $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
    }
    let (a, b) = (lines(there), lines(here))
    let first = zip(a, b).first { $0 != $1 }
    func trimmed(_ line: String?) -> String { (line ?? "other").trimmingSuffix(",") }
    return .otherRun(
      file: file, what: what, there: trimmed(first?.0 ?? a.last), here: trimmed(first?.1 ?? b.last))
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
