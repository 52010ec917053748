// Evaluator.swift: the metrics of a network on images with known targets.

import SwiftletArchitectures
import SwiftletData

/// A network with its weights, compiled once for whole batches, that is compared with the targets of images.
public struct Evaluator: Sendable {
  /// The largest number of mistakes in an evaluation.
  public static let mostMistakes = 100

  /// The network.
  public let network: NetworkDefinition
  private let plan: any Plan
  private let batch: Int
  private let task: any TrainingTask
  /// The paths of the gates whose values are outputs after the task's.
  private let gates: [String]
  /// Whether outputs are averaged over an image and its mirror image.
  private let mirrors: Bool

  /// Compiles a network.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - parameters: its weights.
  ///   - backend: the backend.
  ///   - task: the task that it was trained for.
  ///   - batch: images at a time.
  ///   - recordsGates: whether the gates of squeeze-and-excite are recorded, see ``run(on:preprocessing:threads:prefetch:shouldStop:each:)``.
  ///   - mirrors: whether outputs are averaged over an image and its mirror image.
  ///   - memoryLimit: bytes that it may take; the machine's available memory if `nil`.
  /// - Throws: ``GraphError``, ``ParametersError`` where the weights are not the network's,
  ///   ``TrainingError/tooLittleMemory(what:needed:available:)``.
  public init(
    _ network: NetworkDefinition, parameters: Parameters, backend: any Backend,
    task: any TrainingTask = ClassificationTask(), batch: Int = 64, recordsGates: Bool = false,
    mirrors: Bool = false, memoryLimit: Int? = nil
  ) throws {
    let whole = try network.graph(batch: batch)
    for name in task.outputs where !whole.outputs.contains(where: { $0.name == name }) {
      throw TrainingError.missingOutput(name, network: network.name)
    }
    let graph = try whole.withOutputs(task.outputs)
    var builder = GraphBuilder(extending: graph)
    var gates: [String] = []
    if recordsGates {
      for node in graph.nodes where node.operation is ChannelScale {
        // `stages.2.1.squeeze.scale` is where the gate of `stages.2.1.squeeze` acts.
        gates.append(node.label.hasSuffix(".scale") ? String(node.label.dropLast(6)) : node.label)
        builder.output("gate.\(gates.count)", node.inputs[1])
      }
    }
    try MemoryNeed(
      inference: try network.graph(batch: 1), batch: batch, resolution: network.resolution
    ).check(limit: memoryLimit)
    plan = try backend.compile(try builder.finish(), parameters: parameters)
    self.network = network
    self.task = task
    self.batch = batch
    self.gates = gates
    self.mirrors = mirrors
  }

  /// Evaluates images of one class each, in their order.
  ///
  /// - Parameters:
  ///   - dataset: has as many classes as the network.
  ///   - preprocessing: the preprocessing of images.
  ///   - threads: that decode images.
  ///   - prefetch: batches that are decoded before they are needed.
  ///   - shouldStop: is called before each batch; the evaluation stops where it returns true.
  ///   - each: is called with the index and the logits of each image.
  /// - Returns: the evaluation, and the mean of each gate by class where gates are recorded. A class without images has a mean of 0.
  /// - Throws: ``TrainingError``, `CancellationError` where it is stopped, or a reading error where no image can be read.
  public func run(
    on dataset: any Dataset, preprocessing: Preprocessing, threads: Int = 1, prefetch: Int = 2,
    shouldStop: () -> Bool = { false },
    each: (_ index: Int, _ logits: ArraySlice<Float>) -> Void = { _, _ in }
  ) throws -> (evaluation: Evaluation, gates: [GateRecord]) {
    let (result, gates) = try run(
      TaskImages(task, dataset), preprocessing: preprocessing, threads: threads, prefetch: prefetch,
      shouldStop: shouldStop, each: each)
    guard let evaluation = result as? Evaluation else {
      throw TrainingError.wrongTargets(task: type(of: task).name, wanted: "its own", got: "classes")
    }
    return (evaluation, gates)
  }

  /// Evaluates images of the task's targets, in their order.
  ///
  /// - Parameters: as of ``run(on:preprocessing:threads:prefetch:shouldStop:each:)``.
  /// - Returns: the task's own evaluation.
  /// - Throws: ``TrainingError``, also where the targets are of another type; a reading error where no image can
  ///   be read.
  public func evaluate(
    _ dataset: any ImageDataset, preprocessing: Preprocessing, threads: Int = 1, prefetch: Int = 2
  ) throws -> any TaskEvaluation {
    try evaluation(dataset, preprocessing: preprocessing, threads: threads, prefetch: prefetch).0
  }

  /// The same with the gates, where they are recorded.
  ///
  /// - Parameter each: is called with the index and the first output of each image.
  package func evaluation(
    _ dataset: any ImageDataset, preprocessing: Preprocessing, threads: Int = 1, prefetch: Int = 2,
    each: (_ index: Int, _ output: ArraySlice<Float>) -> Void = { _, _ in }
  ) throws -> (any TaskEvaluation, [GateRecord]) {
    try run(
      TaskImages(task, dataset), preprocessing: preprocessing, threads: threads, prefetch: prefetch,
      shouldStop: { false }, each: each)
  }

  func run(
    _ data: TaskImages, preprocessing: Preprocessing, threads: Int, prefetch: Int, shouldStop: () -> Bool,
    each: (_ index: Int, _ output: ArraySlice<Float>) -> Void = { _, _ in }
  ) throws -> (any TaskEvaluation, [GateRecord]) {
    let classes = data.images.classes.count
    guard classes == network.classes else {
      throw TrainingError.wrongClasses(network: network.name, classes: network.classes, data: classes)
    }
    let loader = BatchLoader(
      data.images, targets: data.encoding, preprocessing: preprocessing.scaled(to: network.resolution),
      augmentation: [], mixing: nil, batch: batch, seed: 0, epoch: 0, startBatch: 0, shuffles: false,
      dropsLast: false, threads: threads, prefetch: prefetch)
    var session = plan.makeSession()
    var tally = data.tally()
    let own = task.outputs.count
    var sums = plan.graph.outputs.dropFirst(own).map { port in
      [Double](repeating: 0, count: classes * plan.graph.type(of: port.value).shape[-1])
    }
    var seen = [Int](repeating: 0, count: classes)
    while let loaded = try loader.next() {
      if shouldStop() { throw CancellationError() }
      // An image that replaces a broken one has its own turn.
      let rows = loaded.indices.indices.filter { !loaded.replacements[$0] }
      let images = try Self.padded(loaded.images, to: batch)
      var outputs = try session.run([images]).map { $0.floats() }
      if mirrors {
        let others = try session.run([try Self.mirrored(images)]).map { $0.floats() }
        outputs = zip(outputs, others).map { zip($0, $1).map { ($0 + $1) / 2 } }
      }
      func part(_ values: [Float], _ row: Int) -> ArraySlice<Float> {
        let size = values.count / batch
        return values[(row * size)..<((row + 1) * size)]
      }
      for row in rows {
        if let first = outputs.first { each(loaded.indices[row], part(first, row)) }
        tally.add(outputs.prefix(own).map { part($0, row) }, index: loaded.indices[row])
        for label in data.classes(loaded.indices[row]) where seen.indices.contains(label) {
          seen[label] += 1
          for gate in sums.indices {
            let values = part(outputs[own + gate], row)
            let start = label * values.count
            for (channel, value) in values.enumerated() { sums[gate][start + channel] += Double(value) }
          }
        }
      }
    }
    let records = zip(gates, sums).map { path, sum in
      let channels = sum.count / classes
      return GateRecord(
        gate: path,
        means: (0..<classes).map { label in
          sum[(label * channels)..<((label + 1) * channels)].map { Float($0 / Double(max(seen[label], 1))) }
        })
    }
    return (tally.evaluation(skipped: loader.skipped), records)
  }

  /// Images `[N, H, W, C]` with left and right exchanged.
  private static func mirrored(_ images: Tensor) throws -> Tensor {
    let (width, channels) = (images.shape[2], images.shape[3])
    return try Tensor(
      shape: images.shape,
      writingFloats: { target in
        images.withFloats { source in
          for index in source.indices {
            let (pixel, channel) = (index / channels, index % channels)
            let column = pixel % width
            target[(pixel - column + width - 1 - column) * channels + channel] = source[index]
          }
        }
      })
  }

  /// A last batch of fewer images, filled up with zeros.
  private static func padded(_ images: Tensor, to batch: Int) throws -> Tensor {
    guard images.shape[0] < batch else { return images }
    var dimensions = images.shape.dimensions
    dimensions[0] = batch
    return try Tensor(
      shape: Shape(dimensions),
      writingFloats: { target in
        target.update(repeating: 0)
        images.withFloats { source in
          for (index, value) in source.enumerated() { target[index] = value }
        }
      })
  }
}
