// NormWork.swift: batch norm's statistics and their gradients: sums over the batch, and what follows for each channel.

import CKernels
import SwiftletGraph

/// Adds chunks' sums `[chunks, 2, C]` in order.
private func total(_ totals: TrainingBuffer, _ chunks: Int, _ index: Int, _ channels: Int) -> Double {
  var sum = 0.0
  for chunk in 0..<chunks { sum += totals.doubles[2 * chunk * channels + index] }
  return sum
}

/// Mean and Σ (y − mean)² of chunks of a tensor whose producer did not make them.
final class MomentsWork: TrainingWork {
  private let view: TrainingView
  private let moments: BatchMoments

  init(_ label: String, _ view: TrainingView, _ moments: BatchMoments) {
    (self.view, self.moments) = (view, moments)
    super.init(
      label, uses: view.buffers + [moments.statistics],
      scratch: ChunkMoments.floats(view.channels) + stripPixels(floats: view.channels) * view.channels)
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = view.channels
    let strip = context.scratch + ChunkMoments.floats(channels)
    let step = stripPixels(floats: channels)
    let chunks = moments.chunks
    for chunk in chunks.share(of: part, parts) {
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
final class NormStatisticsWork: TrainingWork {
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
    super.init(
      label,
      uses: [moments.statistics] + parameters + [
        vectors.mean, vectors.variance, vectors.scale, vectors.shift, vectors.newMean, vectors.newVariance,
      ])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = vectors.mean.count
    let count = Double(moments.count)
    for c in Range.share(channels, of: part, parts, unit: 16) {
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
final class FrozenNormWork: TrainingWork {
  private let parameters: [TrainingBuffer]
  private let scale: TrainingBuffer, shift: TrainingBuffer
  private let epsilon: Double

  init(
    _ label: String, parameters: [TrainingBuffer], scale: TrainingBuffer, shift: TrainingBuffer,
    epsilon: Double
  ) {
    (self.parameters, self.scale, self.shift, self.epsilon) = (parameters, scale, shift, epsilon)
    super.init(label, uses: parameters + [scale, shift])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    for c in Range.share(scale.count, of: part, parts, unit: 16) {
      let factor =
        Double(parameters[0].pointer[c]) / (Double(parameters[3].pointer[c]) + epsilon).squareRoot()
      scale.pointer[c] = Float(factor)
      shift.pointer[c] = Float(Double(parameters[1].pointer[c]) - Double(parameters[2].pointer[c]) * factor)
    }
  }
}

/// Σ d and Σ d · (y − mean) of a gradient whose producer could not make them.
final class GradientSumsWork: TrainingWork {
  private let view: TrainingView
  private let totals: TrainingBuffer
  private let chunks: Chunks

  init(_ label: String, _ view: TrainingView, totals: TrainingBuffer, chunks: Chunks) {
    (self.view, self.totals, self.chunks) = (view, totals, chunks)
    super.init(label, uses: view.buffers + [totals], scratch: ChunkSums.floats(view.channels))
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = view.channels
    for chunk in chunks.share(of: part, parts) {
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
final class NormGradientWork: TrainingWork {
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
    super.init(
      label, uses: [totals, scale, mean, variance, coefficients, scaleGradient, offsetGradient])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let channels = scale.count
    for c in Range.share(channels, of: part, parts, unit: 16) {
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
