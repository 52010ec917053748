// Summation.swift: sums of feature maps, stored, and of gradients.

import CKernels
import SwiftletGraph

/// Sums, with the activation behind them where the sum itself is not needed: ReLU's derivative follows from its result.
enum SummationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard node.operation is Add else { return false }
    let output = node.outputs[0]
    let (a, b) = (try lowering.prologue(node.inputs[0]), try lowering.prologue(node.inputs[1]))
    if let merged = merged(a, b) ?? merged(b, a) {
      lowering.prologues[output] = merged
      return true
    }
    let reading = (lowering.readers[output] ?? []).filter {
      !(lowering.graph.nodes[$0].operation is ActivationGradient)
    }
    var function: ActivationFunction?
    if reading.count == 1, !lowering.kept.contains(output),
      let activation = lowering.graph.nodes[reading[0]].operation as? Activation,
      activation.function == .relu || activation.function == .relu6
    {
      function = activation.function
      lowering.done.insert(reading[0])
    }
    let target = lowering.define(output)
    lowering.append(SumOp(node.label, a, b, function, target, shards: Shards(images: lowering.rows(output))))
    if function != nil { lowering.define(lowering.graph.nodes[reading[0]].outputs[0], as: target) }
    return true
  }

  /// The sum of a gated gradient and one that all pixels of an image share, with nothing stored.
  private static func merged(_ shared: Prologue, _ other: Prologue) -> Prologue? {
    guard case .shared(let offset) = shared.incoming, case .tensor(let g, let gate, nil) = other.incoming
    else { return nil }
    return Prologue(
      .backward(BackwardPrologue(incoming: .tensor(g, gate: gate, offset: offset))),
      channels: other.channels, pixels: other.pixels)
  }
}

/// activation(a + b), stored.
final class SumOp: TrainingOp {
  let resources: OpResources
  private let a: Prologue, b: Prologue
  private let activation: ActivationFunction?
  private let target: TrainingBuffer
  private let shards: Shards

  init(
    _ label: String, _ a: Prologue, _ b: Prologue, _ activation: ActivationFunction?,
    _ target: TrainingBuffer, shards: Shards
  ) {
    (self.a, self.b, self.activation) = (a, b, activation)
    (self.target, self.shards) = (target, shards)
    resources = OpResources(
      label, uses: a.buffers + b.buffers + [target],
      scratch: 2 * stripPixels(floats: 3 * a.channels) * a.channels)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = a.channels
    let step = stripPixels(floats: 3 * channels)
    for shard in shards.partition(of: worker, workers) {
      for pixels in shards.pixels(shard, each: a.pixels).tiles(of: step) {
        let (first, last) = (pixels.lowerBound, pixels.upperBound)
        let left = a.strip(context, first, last, context.scratch)
        let right = b.strip(context, first, last, context.scratch + step * channels)
        context.kernels.add(
          left, right, target.pointer + first * channels, pixels.count * channels,
          activation?.code ?? SK_NONE)
      }
    }
  }
}
