// UpdateWork.swift: what a step ends with: optimisers, averages, sums of gradients, in place.

import SwiftletGraph

/// One optimiser's step on one weight tensor.
final class WeightUpdateWork: TrainingWork {
  private let operation: WeightUpdate
  private let weight: TrainingBuffer, gradient: TrainingBuffer, rates: TrainingBuffer, scale: TrainingBuffer
  private let moments: [TrainingBuffer]

  /// The weight and the moments are changed where they are.
  init(
    _ label: String, _ operation: WeightUpdate, weight: TrainingBuffer, gradient: TrainingBuffer,
    rates: TrainingBuffer, scale: TrainingBuffer, moments: [TrainingBuffer]
  ) {
    (self.operation, self.weight, self.gradient) = (operation, weight, gradient)
    (self.rates, self.scale, self.moments) = (rates, scale, moments)
    super.init(label, uses: [weight, gradient, rates, scale] + moments)
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard rates.pointer[1] != 0 else { return }
    let mine = Range.share(weight.count, of: part, parts, unit: 16)
    let rate = rates.pointer[0], factor = scale.pointer[0], decay = Float(operation.decay)
    let (w, g) = (weight.pointer, gradient.pointer)
    switch operation.optimizer {
    case .sgd(let momentum, let nesterov):
      guard momentum != 0 else {
        for i in mine { w[i] -= rate * (g[i] * factor + decay * w[i]) }
        return
      }
      let b = moments[0].pointer, momentum = Float(momentum)
      // rate · (own · g + kept · b), for the plain form and the one that looks ahead.
      let (own, kept): (Float, Float) = nesterov ? (1, momentum) : (0, 1)
      for i in mine {
        let gradient = g[i] * factor + decay * w[i]
        let next = momentum * b[i] + gradient
        b[i] = next
        w[i] -= rate * (own * gradient + kept * next)
      }
    case .rmsProp(let decayOfSquares, let momentum, let epsilon):
      let s = moments[0].pointer, m = moments[1].pointer
      let (kept, fresh) = (Float(decayOfSquares), Float(1 - decayOfSquares))
      let (momentum, epsilon) = (Float(momentum), Float(epsilon))
      for i in mine {
        let gradient = g[i] * factor + decay * w[i]
        let square = kept * s[i] + fresh * gradient * gradient
        let next = momentum * m[i] + rate * gradient / (square + epsilon).squareRoot()
        s[i] = square
        m[i] = next
        w[i] -= next
      }
    case .adamW(let beta1, let beta2, let epsilon):
      let m = moments[0].pointer, v = moments[1].pointer
      let (c1, c2) = Optimizer.corrections(beta1, beta2, update: Int(rates.pointer[4]))
      let (f1, f2) = (Float(1 / c1), Float(1 / c2))
      let (b1, b2, e) = (Float(beta1), Float(beta2), Float(epsilon))
      let (n1, n2) = (Float(1 - beta1), Float(1 - beta2))
      for i in mine {
        let gradient = g[i] * factor
        let mean = b1 * m[i] + n1 * gradient
        let square = b2 * v[i] + n2 * gradient * gradient
        m[i] = mean
        v[i] = square
        w[i] -= rate * (mean * f1 / ((square * f2).squareRoot() + e) + decay * w[i])
      }
    }
  }
}

/// The sum of squares of each gradient: one number for each of a fixed number of pieces, so that it does not depend on threads.
final class SquaresWork: TrainingWork {
  private let gradients: [TrainingBuffer]
  private let totals: TrainingBuffer

  /// - Parameter totals: a double for each gradient.
  init(_ label: String, _ gradients: [TrainingBuffer], totals: TrainingBuffer) {
    (self.gradients, self.totals) = (gradients, totals)
    super.init(label, uses: gradients + [totals])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    var index = part
    while index < gradients.count {
      let (g, count) = (gradients[index].pointer, gradients[index].count)
      var sums = SIMD8<Double>()
      var i = 0
      while i + 8 <= count {
        let x = SIMD8<Double>(UnsafeRawPointer(g + i).loadUnaligned(as: SIMD8<Float>.self))
        sums += x * x
        i += 8
      }
      var sum = sums.sum()
      while i < count {
        sum += Double(g[i]) * Double(g[i])
        i += 1
      }
      totals.doubles[index] = sum
      index += parts
    }
  }
}

/// ``GradientScale`` from the sums of squares.
final class GradientScaleWork: TrainingWork {
  private let totals: TrainingBuffer, scale: TrainingBuffer, norm: TrainingBuffer
  private let count: Int, maximum: Double?

  init(
    _ label: String, totals: TrainingBuffer, count: Int, scale: TrainingBuffer, norm: TrainingBuffer,
    maximum: Double?
  ) {
    (self.totals, self.count, self.scale, self.norm) = (totals, count, scale, norm)
    self.maximum = maximum
    super.init(label, uses: [totals, scale, norm])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard part == 0 else { return }
    var sum = 0.0
    for index in 0..<count { sum += totals.doubles[index] }
    let length = sum.squareRoot()
    norm.pointer[0] = Float(length)
    scale.pointer[0] = maximum.map { length > $0 ? Float($0 / length) : 1 } ?? 1
  }
}

/// ``MovingAverage`` where it is.
final class MovingAverageWork: TrainingWork {
  private let average: TrainingBuffer, value: TrainingBuffer, rates: TrainingBuffer

  init(_ label: String, average: TrainingBuffer, value: TrainingBuffer, rates: TrainingBuffer) {
    (self.average, self.value, self.rates) = (average, value, rates)
    super.init(label, uses: [average, value, rates])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    guard rates.pointer[1] != 0 else { return }
    let decay = rates.pointer[3]
    let (a, v) = (average.pointer, value.pointer)
    for i in Range.share(average.count, of: part, parts, unit: 16) { a[i] = v[i] + decay * (a[i] - v[i]) }
  }
}

/// ``Accumulate`` where it is.
final class AccumulateWork: TrainingWork {
  private let sum: TrainingBuffer, gradient: TrainingBuffer, rates: TrainingBuffer

  init(_ label: String, sum: TrainingBuffer, gradient: TrainingBuffer, rates: TrainingBuffer) {
    (self.sum, self.gradient, self.rates) = (sum, gradient, rates)
    super.init(label, uses: [sum, gradient, rates])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let keeps: Float = rates.pointer[2] != 0 ? 1 : 0
    let (s, g) = (sum.pointer, gradient.pointer)
    let mine = Range.share(sum.count, of: part, parts, unit: 16)
    if keeps == 0 {
      for i in mine { s[i] = g[i] }
    } else {
      for i in mine { s[i] += g[i] }
    }
  }
}

/// A copy, for new values whose place is still being read.
final class CopyWork: TrainingWork {
  private let source: TrainingBuffer, target: TrainingBuffer

  init(_ label: String, _ source: TrainingBuffer, to target: TrainingBuffer) {
    (self.source, self.target) = (source, target)
    super.init(label, uses: [source, target])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let mine = Range.share(target.count, of: part, parts, unit: 16)
    if !mine.isEmpty {
      (target.pointer + mine.lowerBound).update(from: source.pointer + mine.lowerBound, count: mine.count)
    }
  }
}
