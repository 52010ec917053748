// BatchNormalization.swift: batch norm's statistics and their gradients: sums over the batch, and coefficients for each channel.

import CKernels
import SwiftletGraph

/// Batch norm with the batch's or with stored statistics, and its gradient.
enum BatchNormalizationLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case let operation as BatchNormTraining: try norm(node, operation, in: &lowering)
    case let operation as BatchNorm: try frozenNorm(node, operation, in: &lowering)
    case let operation as BatchNormGradient: try gradient(index, node, operation, in: &lowering)
    default: return false
    }
    return true
  }

  private static func norm(
    _ node: Node, _ operation: BatchNormTraining, in lowering: inout TrainingLowering
  ) throws {
    let x = node.inputs[0]
    let parameters = try node.inputs.dropFirst().map { try lowering.stored($0) }
    let y = try lowering.plain(x)
    let statistics: BatchStatistics
    if let sums = lowering.statistics[x] {
      statistics = sums
    } else {
      statistics = lowering.batchStatistics(x)
      lowering.statistics[x] = statistics
      lowering.append(StatisticsOp(node.label, y, statistics))
    }
    let vectors = NormStatisticsOp.Vectors(
      mean: lowering.define(node.outputs[1]), variance: lowering.define(node.outputs[2]),
      scale: lowering.buffer(y.channels), shift: lowering.buffer(y.channels),
      newMean: lowering.define(node.outputs[3]), newVariance: lowering.define(node.outputs[4]))
    lowering.append(
      NormStatisticsOp(
        node.label, statistics, parameters: parameters, vectors, epsilon: operation.epsilon,
        momentum: operation.momentum))
    lowering.prologues[node.outputs[0]] = try lowering.normed(x, vectors.scale, vectors.shift)
  }

  private static func frozenNorm(
    _ node: Node, _ operation: BatchNorm, in lowering: inout TrainingLowering
  ) throws {
    let parameters = try node.inputs.dropFirst().map { try lowering.stored($0) }
    let y = try lowering.plain(node.inputs[0])
    let (scale, shift) = (lowering.buffer(y.channels), lowering.buffer(y.channels))
    lowering.append(
      FrozenNormOp(
        node.label, parameters: parameters, scale: scale, shift: shift, epsilon: operation.epsilon))
    lowering.prologues[node.outputs[0]] = try lowering.normed(node.inputs[0], scale, shift)
  }

  private static func gradient(
    _ index: Int, _ node: Node, _ operation: BatchNormGradient, in lowering: inout TrainingLowering
  ) throws {
    let x = node.inputs[0]
    let y = try lowering.stored(x)
    let (scale, mean, variance) = (
      try lowering.stored(node.inputs[1]), try lowering.stored(node.inputs[2]),
      try lowering.stored(node.inputs[3])
    )
    // d, as a gradient whose only other tensor is this norm's y.
    var d = BackwardPrologue(incoming: try lowering.incoming(node.inputs[4], of: y))
    if case .backward(let own) = try lowering.prologue(node.inputs[4]).source { d.mask = own.mask }
    let channels = TrainingLowering.channels(lowering.shape(x))
    let sums: (totals: TrainingBuffer, shards: Int)
    if let made = lowering.gradientSums[index] {
      sums = made
    } else {
      let shards = Shards(images: lowering.rows(x))
      sums = (lowering.totalsBuffer(shards, channels), shards.count)
      lowering.append(
        GradientSumsOp(
          node.label, lowering.prologue(.backward(d), like: x), y: y, mean: mean, totals: sums.totals,
          shards: shards))
    }
    let coefficients = lowering.isRead(node.outputs[0]) ? lowering.buffer(3 * channels) : nil
    d.norm = coefficients.map { (y, $0) }
    lowering.append(
      NormGradientOp(
        node.label, totals: sums.totals, shards: sums.shards, count: lowering.shape(x).count / channels,
        scale: scale, mean: mean, variance: variance, coefficients: coefficients,
        scaleGradient: lowering.define(node.outputs[1]), offsetGradient: lowering.define(node.outputs[2]),
        epsilon: operation.epsilon, usesBatchStatistics: operation.usesBatchStatistics))
    lowering.prologues[node.outputs[0]] = lowering.prologue(.backward(d), like: x)
  }
}

extension TrainingLowering {
  /// A value after a norm.
  fileprivate mutating func normed(
    _ value: Value, _ scale: TrainingBuffer, _ shift: TrainingBuffer
  ) throws -> Prologue {
    let input = NormedTensor(y: try stored(value), norm: (scale, shift))
    return prologue(.forward(ForwardPrologue(input: input)), like: value)
  }

  /// A gradient as the incoming gradient of a norm of `y`. It is stored first where it has a norm, or the mask of another tensor.
  fileprivate mutating func incoming(
    _ gradient: Value, of y: TrainingBuffer
  ) throws -> BackwardPrologue.Incoming {
    if case .backward(let own) = try prologue(gradient).source, own.norm == nil,
      own.mask == nil || own.mask?.input.y === y
    {
      return own.incoming
    }
    return .tensor(try stored(gradient), gate: nil, offset: nil)
  }
}

/// Adds shards' sums `[shards, 2, C]` in order.
private func total(_ totals: TrainingBuffer, _ shards: Int, _ index: Int, _ channels: Int) -> Double {
  var sum = 0.0
  for shard in 0..<shards { sum += totals.doubles[2 * shard * channels + index] }
  return sum
}

/// Mean and Σ (y − mean)² of shards of a tensor whose producer did not make them.
final class StatisticsOp: TrainingOp {
  let resources: OpResources
  private let prologue: Prologue
  private let statistics: BatchStatistics

  init(_ label: String, _ prologue: Prologue, _ statistics: BatchStatistics) {
    (self.prologue, self.statistics) = (prologue, statistics)
    resources = OpResources(
      label, uses: prologue.buffers + [statistics.buffer],
      scratch: ShardStatistics.floats(prologue.channels) + stripPixels(floats: prologue.channels)
        * prologue.channels)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = prologue.channels
    let strip = context.scratch + ShardStatistics.floats(channels)
    let step = stripPixels(floats: channels)
    let shards = statistics.shards
    for shard in shards.partition(of: worker, workers) {
      var sums = ShardStatistics(
        statistics.buffer, shard: shard, channels: channels, scratch: context.scratch)
      for pixels in shards.pixels(shard, each: prologue.pixels).tiles(of: step) {
        let x = prologue.strip(context, pixels.lowerBound, pixels.upperBound, strip)
        sums.add(context, x, count: pixels.count, to: nil, streams: false)
      }
    }
  }
}

/// Mean, variance and the norm's scale and shift from the batch's sums; the running statistics move on.
final class NormStatisticsOp: TrainingOp {
  let resources: OpResources
  /// `[C]` each.
  struct Vectors {
    let mean: TrainingBuffer, variance: TrainingBuffer, scale: TrainingBuffer, shift: TrainingBuffer
    let newMean: TrainingBuffer, newVariance: TrainingBuffer
  }

  private let statistics: BatchStatistics
  private let parameters: [TrainingBuffer]
  private let vectors: Vectors
  private let epsilon: Double, momentum: Double

  /// - Parameters:
  ///   - parameters: scale, offset, running mean and running variance.
  init(
    _ label: String, _ statistics: BatchStatistics, parameters: [TrainingBuffer], _ vectors: Vectors,
    epsilon: Double, momentum: Double
  ) {
    (self.statistics, self.parameters, self.vectors) = (statistics, parameters, vectors)
    (self.epsilon, self.momentum) = (epsilon, momentum)
    resources = OpResources(
      label,
      uses: [statistics.buffer] + parameters + [
        vectors.mean, vectors.variance, vectors.scale, vectors.shift, vectors.newMean, vectors.newVariance,
      ])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = vectors.mean.count
    let count = Double(statistics.count)
    for c in Range.partition(channels, of: worker, workers, unit: 16) {
      let (mean, squares) = statistics.of(c, channels)
      let variance = max(0, squares / count)
      let scale = Double(parameters[0].pointer[c]) / (variance + epsilon).squareRoot()
      vectors.mean.pointer[c] = Float(mean)
      vectors.variance.pointer[c] = Float(variance)
      vectors.scale.pointer[c] = Float(scale)
      vectors.shift.pointer[c] = Float(Double(parameters[1].pointer[c]) - mean * scale)
      let (oldMean, oldVariance) = (Double(parameters[2].pointer[c]), Double(parameters[3].pointer[c]))
      vectors.newMean.pointer[c] = Float(oldMean + momentum * (mean - oldMean))
      vectors.newVariance.pointer[c] =
        Float(oldVariance + momentum * (variance * count / max(count - 1, 1) - oldVariance))
    }
  }
}

/// The scale and shift of a norm with stored statistics.
final class FrozenNormOp: TrainingOp {
  let resources: OpResources
  private let parameters: [TrainingBuffer]
  private let scale: TrainingBuffer, shift: TrainingBuffer
  private let epsilon: Double

  init(
    _ label: String, parameters: [TrainingBuffer], scale: TrainingBuffer, shift: TrainingBuffer,
    epsilon: Double
  ) {
    (self.parameters, self.scale, self.shift, self.epsilon) = (parameters, scale, shift, epsilon)
    resources = OpResources(label, uses: parameters + [scale, shift])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for c in Range.partition(scale.count, of: worker, workers, unit: 16) {
      let factor =
        Double(parameters[0].pointer[c]) / (Double(parameters[3].pointer[c]) + epsilon).squareRoot()
      scale.pointer[c] = Float(factor)
      shift.pointer[c] = Float(Double(parameters[1].pointer[c]) - Double(parameters[2].pointer[c]) * factor)
    }
  }
}

/// Σ d and Σ d · (y − mean) of a gradient whose producer could not make them.
final class GradientSumsOp: TrainingOp {
  let resources: OpResources
  private let prologue: Prologue
  private let y: TrainingBuffer, mean: TrainingBuffer, totals: TrainingBuffer
  private let shards: Shards

  /// - Parameter y: that of the gradient's mask, where it has one.
  init(
    _ label: String, _ prologue: Prologue, y: TrainingBuffer, mean: TrainingBuffer, totals: TrainingBuffer,
    shards: Shards
  ) {
    (self.prologue, self.y, self.mean) = (prologue, y, mean)
    (self.totals, self.shards) = (totals, shards)
    resources = OpResources(
      label, uses: prologue.buffers + [y, mean, totals], scratch: ShardSums.floats(prologue.channels))
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = prologue.channels
    for shard in shards.partition(of: worker, workers) {
      let sums = ShardSums(totals, shard: shard, channels: channels, strip: context.scratch)
      for image in shards[shard] {
        var operands = prologue.operands(image: image)
        operands.y = UnsafePointer(y.pointer)
        operands.center = UnsafePointer(mean.pointer)
        sums.add(
          context, &operands, image * prologue.pixels, (image + 1) * prologue.pixels, to: nil,
          streams: false)
      }
    }
  }
}

/// The gradients of a norm's scale and offset from Σ d and Σ d · (y − mean), and dy = a · d + b · y + c (arXiv 1502.03167, section 3).
final class NormGradientOp: TrainingOp {
  let resources: OpResources
  private let totals: TrainingBuffer
  private let shards: Int, count: Double
  private let scale: TrainingBuffer, mean: TrainingBuffer, variance: TrainingBuffer
  private let coefficients: TrainingBuffer?, scaleGradient: TrainingBuffer, offsetGradient: TrainingBuffer
  private let epsilon: Double, usesBatchStatistics: Bool

  /// - Parameter scale: γ.
  init(
    _ label: String, totals: TrainingBuffer, shards: Int, count: Int, scale: TrainingBuffer,
    mean: TrainingBuffer, variance: TrainingBuffer, coefficients: TrainingBuffer?,
    scaleGradient: TrainingBuffer, offsetGradient: TrainingBuffer, epsilon: Double,
    usesBatchStatistics: Bool
  ) {
    (self.totals, self.shards, self.count) = (totals, shards, Double(count))
    (self.scale, self.mean, self.variance) = (scale, mean, variance)
    (self.coefficients, self.scaleGradient, self.offsetGradient) = (
      coefficients, scaleGradient, offsetGradient
    )
    (self.epsilon, self.usesBatchStatistics) = (epsilon, usesBatchStatistics)
    resources = OpResources(
      label, uses: [totals, scale, mean, variance, coefficients, scaleGradient, offsetGradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = scale.count
    for c in Range.partition(channels, of: worker, workers, unit: 16) {
      let inverse = 1 / (Double(variance.pointer[c]) + epsilon).squareRoot()
      let sum = total(totals, shards, c, channels)
      let mean = Double(mean.pointer[c])
      let scaleSum = inverse * total(totals, shards, channels + c, channels)
      scaleGradient.pointer[c] = Float(scaleSum)
      offsetGradient.pointer[c] = Float(sum)
      guard let coefficients else { continue }
      let a = Double(scale.pointer[c]) * inverse
      let b = usesBatchStatistics ? -a * inverse * scaleSum / count : 0
      coefficients.pointer[c] = Float(a)
      coefficients.pointer[channels + c] = Float(b)
      coefficients.pointer[2 * channels + c] = usesBatchStatistics ? Float(-a * sum / count - b * mean) : 0
    }
  }
}
