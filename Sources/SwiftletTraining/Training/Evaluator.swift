// Evaluator.swift: what a network says of labelled photographs.

import SwiftletArchitectures
import SwiftletData

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A network with its weights, compiled once for whole batches, that is asked for the classes of labelled photographs.
public struct Evaluator: Sendable {
  /// How many mistakes an ``Evaluation`` lists.
  public static let mostMistakes = 100

  /// The network.
  public let network: NetworkDefinition
  private let plan: any Plan
  private let batch: Int
  /// The paths of the gates whose values are outputs after the logits.
  private let gates: [String]

  /// Compiles a network with its norms folded.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - parameters: its weights.
  ///   - backend: what it runs on.
  ///   - batch: photographs at a time.
  ///   - recordsGates: whether the gates of squeeze-and-excite are recorded, see ``run(on:preprocessing:threads:ahead:shouldStop:)``.
  /// - Throws: ``GraphError``, or ``ParametersError`` where the weights are not the network's.
  public init(
    _ network: NetworkDefinition, parameters: Parameters, backend: any Backend, batch: Int = 64,
    recordsGates: Bool = false
  ) throws {
    let (graph, folded) = try network.graph(batch: batch).withOutputs(["logits"])
      .applying([FoldBatchNorm()], to: parameters)
    var builder = GraphBuilder(extending: graph)
    var gates: [String] = []
    if recordsGates {
      for node in graph.nodes where node.operation is ChannelScale {
        // `stages.2.1.squeeze.scale` is where the gate of `stages.2.1.squeeze` acts.
        gates.append(node.label.hasSuffix(".scale") ? String(node.label.dropLast(6)) : node.label)
        builder.output("gate.\(gates.count)", node.inputs[1])
      }
    }
    plan = try backend.compile(try builder.finish(), parameters: folded)
    self.network = network
    self.batch = batch
    self.gates = gates
  }

  /// Evaluates photographs, in their order.
  ///
  /// - Parameters:
  ///   - dataset: has as many classes as the network.
  ///   - preprocessing: how a photograph becomes an input.
  ///   - threads: that decode photographs.
  ///   - ahead: batches that are decoded before they are needed.
  ///   - shouldStop: is asked before each batch.
  /// - Returns: the evaluation, and the mean of each gate by class where gates are recorded. A class without photographs has a mean of 0.
  /// - Throws: ``TrainingError``, `CancellationError` where it is stopped, or what reading photographs throws where none can be read.
  public func run(
    on dataset: any Dataset, preprocessing: Preprocessing, threads: Int = 1, ahead: Int = 2,
    shouldStop: () -> Bool = { false }
  ) throws -> (evaluation: Evaluation, gates: [GateRecord]) {
    let classes = network.classes
    guard dataset.classes.count == classes else {
      throw TrainingError.wrongClasses(
        network: network.name, classes: classes, data: dataset.classes.count)
    }
    let loader = BatchLoader(
      dataset, preprocessing: preprocessing.scaled(to: network.resolution), augmentation: [],
      mixing: nil, batch: batch, seed: 0, epoch: 0, startBatch: 0, shuffles: false, dropsLast: false,
      threads: threads, ahead: ahead)
    var session = plan.makeSession()
    var tally = Tally(classes: classes)
    var sums = plan.graph.outputs.dropFirst().map { port in
      [Double](repeating: 0, count: classes * plan.graph.type(of: port.value).shape[-1])
    }
    while let loaded = try loader.next() {
      if shouldStop() { throw CancellationError() }
      // A photograph that stands in for a broken one has its own turn.
      let rows = loaded.labels.indices.filter { !loaded.standIns[$0] }
      let outputs = try session.run([try Self.padded(loaded.images, to: batch)])
      let logits = outputs[0].floats()
      for row in rows {
        tally.add(
          logits[(row * classes)..<((row + 1) * classes)], label: loaded.labels[row],
          index: loaded.indices[row])
      }
      for gate in sums.indices {
        let values = outputs[gate + 1].floats()
        let channels = values.count / batch
        for row in rows {
          let start = loaded.labels[row] * channels
          for channel in 0..<channels {
            sums[gate][start + channel] += Double(values[row * channels + channel])
          }
        }
      }
    }
    let seen = tally.confusion.map { max($0.reduce(0, +), 1) }
    let records = zip(gates, sums).map { path, sum in
      let channels = sum.count / classes
      return GateRecord(
        gate: path,
        means: (0..<classes).map { label in
          sum[(label * channels)..<((label + 1) * channels)].map { Float($0 / Double(seen[label])) }
        })
    }
    return (tally.evaluation(dataset, skipped: loader.skipped), records)
  }

  /// A last batch of fewer photographs, filled up with zeros.
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

/// What is summed over photographs.
private struct Tally {
  private let classes: Int
  private var count = 0
  private var loss = 0.0
  private var top1 = 0, top5 = 0
  private(set) var confusion: [[Int]]
  private var mistakes: [(index: Int, label: Int, prediction: Int, probability: Double)] = []

  init(classes: Int) {
    self.classes = classes
    confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
  }

  mutating func add(_ logits: ArraySlice<Float>, label: Int, index: Int) {
    let values = logits.map(Double.init)
    let largest = values.max() ?? 0
    let sum = values.reduce(0) { $0 + exp($1 - largest) }
    count += 1
    loss += largest + log(sum) - values[label]
    // Of equal logits the lower class comes first.
    let rank = values.indices.count {
      values[$0] > values[label] || (values[$0] == values[label] && $0 < label)
    }
    let prediction = values.firstIndex(of: largest) ?? 0
    top1 += rank == 0 ? 1 : 0
    top5 += rank < 5 ? 1 : 0
    confusion[label][prediction] += 1
    guard prediction != label else { return }
    mistakes.append((index, label, prediction, 1 / sum))
    if mistakes.count >= 4 * Evaluator.mostMistakes { trim() }
  }

  private mutating func trim() {
    mistakes.sort { $0.probability == $1.probability ? $0.index < $1.index : $0.probability > $1.probability }
    mistakes.removeLast(max(0, mistakes.count - Evaluator.mostMistakes))
  }

  mutating func evaluation(_ dataset: any Dataset, skipped: [SkippedFile]) -> Evaluation {
    trim()
    let total = Double(max(count, 1))
    return Evaluation(
      classes: dataset.classes, count: count, loss: loss / total, top1: Double(top1) / total,
      top5: Double(top5) / total, confusion: confusion,
      mistakes: mistakes.map {
        Evaluation.Mistake(
          index: $0.index, name: dataset.name($0.index), label: $0.label, prediction: $0.prediction,
          probability: $0.probability)
      }, skipped: skipped)
  }
}
