// BatchNormalization.swift: batch norm's statistics and their gradients: sums over the batch, and what follows for each channel.

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
    let moments: BatchMoments
    if let sums = lowering.moments[x] {
      moments = sums
    } else {
      moments = lowering.batchMoments(x)
      lowering.moments[x] = moments
      lowering.append(MomentsOp(node.label, y, moments))
    }
    let vectors = NormStatisticsOp.Vectors(
      mean: lowering.define(node.outputs[1]), variance: lowering.define(node.outputs[2]),
      scale: lowering.buffer(y.channels), shift: lowering.buffer(y.channels),
      newMean: lowering.define(node.outputs[3]), newVariance: lowering.define(node.outputs[4]))
    lowering.append(
      NormStatisticsOp(
        node.label, moments, parameters: parameters, vectors, epsilon: operation.epsilon,
        momentum: operation.momentum))
    lowering.views[node.outputs[0]] = y.normed(vectors.scale, vectors.shift)
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
    lowering.views[node.outputs[0]] = y.normed(scale, shift)
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
    let incoming = try lowering.view(node.inputs[4])
    let isOwn = incoming.isGradient && incoming.coefficients == nil && (incoming.y == nil || incoming.y === y)
    var d = isOwn ? incoming : TrainingView(gradient: try lowering.plain(node.inputs[4]))
    d.y = y
    d.center = mean
    let sums: (totals: TrainingBuffer, chunks: Int)
    if let made = lowering.gradientSums[index] {
      sums = made
    } else {
      let chunks = Chunks(images: lowering.rows(x))
      sums = (lowering.totalsBuffer(chunks, d.channels), chunks.count)
      lowering.append(GradientSumsOp(node.label, d, totals: sums.totals, chunks: chunks))
    }
    d.coefficients = lowering.isRead(node.outputs[0]) ? lowering.buffer(3 * d.channels) : nil
    lowering.append(
      NormGradientOp(
        node.label, totals: sums.totals, chunks: sums.chunks, count: lowering.shape(x).count / d.channels,
        scale: scale, mean: mean, variance: variance, coefficients: d.coefficients,
        scaleGradient: lowering.define(node.outputs[1]), offsetGradient: lowering.define(node.outputs[2]),
        epsilon: operation.epsilon, usesBatchStatistics: operation.usesBatchStatistics))
    lowering.views[node.outputs[0]] = d
  }
}

/// Adds chunks' sums `[chunks, 2, C]` in order.
private func total(_ totals: TrainingBuffer, _ chunks: Int, _ index: Int, _ channels: Int) -> Double {
  var sum = 0.0
  for chunk in 0..<chunks { sum += totals.doubles[2 * chunk * channels + index] }
  return sum
}

/// Mean and Σ (y − mean)² of chunks of a tensor whose producer did not make them.
final class MomentsOp: TrainingOp {
  let resources: OpResources
  private let view: TrainingView
  private let moments: BatchMoments

  init(_ label: String, _ view: TrainingView, _ moments: BatchMoments) {
    (self.view, self.moments) = (view, moments)
    resources = OpResources(
      label, uses: view.buffers + [moments.statistics],
      scratch: ChunkMoments.floats(view.channels) + stripPixels(floats: view.channels) * view.channels)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = view.channels
    let strip = context.scratch + ChunkMoments.floats(channels)
    let step = stripPixels(floats: channels)
    let chunks = moments.chunks
    for chunk in chunks.share(of: worker, workers) {
      var sums = ChunkMoments(
        moments.statistics, chunk: chunk, channels: channels, scratch: context.scratch)
      for pixels in chunks.pixels(chunk, each: view.pixels).pieces(of: step) {
        let x = view.strip(context, pixels.lowerBound, pixels.upperBound, strip)
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

  private let moments: BatchMoments
  private let parameters: [TrainingBuffer]
  private let vectors: Vectors
  private let epsilon: Double, momentum: Double

  /// - Parameters:
  ///   - parameters: scale, offset, running mean and running variance.
  init(
    _ label: String, _ moments: BatchMoments, parameters: [TrainingBuffer], _ vectors: Vectors,
    epsilon: Double, momentum: Double
  ) {
    (self.moments, self.parameters, self.vectors) = (moments, parameters, vectors)
    (self.epsilon, self.momentum) = (epsilon, momentum)
    resources = OpResources(
      label,
      uses: [moments.statistics] + parameters + [
        vectors.mean, vectors.variance, vectors.scale, vectors.shift, vectors.newMean, vectors.newVariance,
      ])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = vectors.mean.count
    let count = Double(moments.count)
    for c in Range.share(channels, of: worker, workers, unit: 16) {
      let (mean, squares) = moments.of(c, channels)
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
    for c in Range.share(scale.count, of: worker, workers, unit: 16) {
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
  private let view: TrainingView
  private let totals: TrainingBuffer
  private let chunks: Chunks

  init(_ label: String, _ view: TrainingView, totals: TrainingBuffer, chunks: Chunks) {
    (self.view, self.totals, self.chunks) = (view, totals, chunks)
    resources = OpResources(label, uses: view.buffers + [totals], scratch: ChunkSums.floats(view.channels))
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let channels = view.channels
    for chunk in chunks.share(of: worker, workers) {
      let sums = ChunkSums(totals, chunk: chunk, channels: channels, strip: context.scratch)
      for image in chunks[chunk] {
        var operands = view.operands(image: image)
        sums.add(
          context, &operands, image * view.pixels, (image + 1) * view.pixels, to: nil, streams: false)
      }
    }
  }
}

/// The gradients of a norm's scale and offset from Σ d and Σ d · (y − mean), and dy = a · d + b · y + c (arXiv 1502.03167, section 3).
final class NormGradientOp: TrainingOp {
  let resources: OpResources
  private let totals: TrainingBuffer
  private let chunks: Int, count: Double
  private let scale: TrainingBuffer, mean: TrainingBuffer, variance: TrainingBuffer
  private let coefficients: TrainingBuffer?, scaleGradient: TrainingBuffer, offsetGradient: TrainingBuffer
  private let epsilon: Double, usesBatchStatistics: Bool

  /// - Parameter scale: γ.
  init(
    _ label: String, totals: TrainingBuffer, chunks: Int, count: Int, scale: TrainingBuffer,
    mean: TrainingBuffer, variance: TrainingBuffer, coefficients: TrainingBuffer?,
    scaleGradient: TrainingBuffer, offsetGradient: TrainingBuffer, epsilon: Double,
    usesBatchStatistics: Bool
  ) {
    (self.totals, self.chunks, self.count) = (totals, chunks, Double(count))
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
    for c in Range.share(channels, of: worker, workers, unit: 16) {
      let inverse = 1 / (Double(variance.pointer[c]) + epsilon).squareRoot()
      let sum = total(totals, chunks, c, channels)
      let mean = Double(mean.pointer[c])
      let scaleSum = inverse * total(totals, chunks, channels + c, channels)
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
