// WeightUpdating.swift: optimizers: new weights and moments, in place.

import SwiftletGraph

/// An optimizer's step on one weight tensor.
enum WeightUpdatingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    guard let operation = node.operation as? WeightUpdate else { return false }
    let inputs = try node.inputs.map { try lowering.stored($0) }
    let changed = zip([inputs[0]] + inputs[4...], node.outputs).map { old, value in
      lowering.changing(old, to: value, node.label)
    }
    lowering.append(
      WeightUpdateOp(
        node.label, operation, weight: changed[0], gradient: inputs[1], rates: inputs[2], scale: inputs[3],
        moments: Array(changed.dropFirst())))
    return true
  }
}

extension TrainingLowering {
  /// The memory of a new value that an op computes in place of the old one: the old one's own, or a copy where that is still needed.
  mutating func changing(_ old: TrainingBuffer, to value: Value, _ label: String) -> TrainingBuffer {
    let target = define(value)
    if target !== old { append(CopyOp(label, old, to: target)) }
    return target
  }
}

/// One optimizer's step on one weight tensor.
final class WeightUpdateOp: TrainingOp {
  let resources: OpResources
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
    resources = OpResources(label, uses: [weight, gradient, rates, scale] + moments)
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    guard rates.pointer[1] != 0 else { return }
    let mine = Range.partition(weight.count, of: worker, workers, unit: 16)
    let rate = rates.pointer[0] * Float(operation.rateFactor), factor = scale.pointer[0],
      decay = Float(operation.decay)
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
