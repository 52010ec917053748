// LayerGradients.swift: the two gradients of a convolution, computed by one op from one incoming gradient, and how the data gradient is
// stored.

import CKernels
import SwiftletGraph

/// The gradients of a convolution's input and weight, dense or depthwise, that read one incoming gradient: both, or the one there is.
struct LayerGradients {
  let isDepthwise: Bool
  let window: Window
  let groups: Int
  /// `[N, H, W, I]`, `[N, H′, W′, O]`, and the weight's shape.
  let input: Shape, output: Shape, weight: Shape
  /// The gradient of the layer's output.
  let incoming: Value
  /// The nodes.
  private(set) var inputNode: Int?, weightNode: Int?

  /// The gradients that a node and its partner compute; `nil` where the node is no such gradient.
  init?(_ node: Node, at index: Int, in lowering: TrainingLowering) {
    guard var own = LayerGradients(alone: node, index, lowering) else { return nil }
    // The partner is found by its operands. They are computed already, so it is lowered here, earlier than its position.
    let isInput = own.inputNode != nil
    for other in lowering.readers[own.incoming] ?? [] where other > index && !lowering.done.contains(other) {
      let node = lowering.graph.nodes[other]
      guard let partner = LayerGradients(alone: node, other, lowering), (partner.inputNode != nil) != isInput,
        partner.isLike(own), node.inputs.allSatisfy({ lowering.prologues[$0] != nil })
      else { continue }
      own.inputNode = own.inputNode ?? partner.inputNode
      own.weightNode = own.weightNode ?? partner.weightNode
      break
    }
    self = own
  }

  private init?(alone node: Node, _ index: Int, _ lowering: TrainingLowering) {
    switch node.operation {
    case let operation as ConvolutionInputGradient:
      (isDepthwise, window, groups, input) = (false, operation.window, operation.groups, operation.input)
      inputNode = index
    case let operation as ConvolutionWeightGradient:
      (isDepthwise, window, groups) = (false, operation.window, operation.groups)
      input = lowering.shape(node.inputs[0])
      weightNode = index
    case let operation as DepthwiseInputGradient:
      (isDepthwise, window, groups, input) = (true, operation.window, 1, operation.input)
      inputNode = index
    case let operation as DepthwiseWeightGradient:
      (isDepthwise, window, groups) = (true, operation.window, 1)
      input = lowering.shape(node.inputs[0])
      weightNode = index
    default: return nil
    }
    incoming = node.inputs[inputNode == nil ? 1 : 0]
    output = lowering.shape(incoming)
    weight = inputNode == nil ? lowering.shape(node.outputs[0]) : lowering.shape(node.inputs[1])
  }

  /// Whether both are of layers of one shape with one incoming gradient.
  private func isLike(_ other: Self) -> Bool {
    (isDepthwise, window, groups, input, weight, incoming)
      == (other.isDepthwise, other.window, other.groups, other.input, other.weight, other.incoming)
  }
}

/// The operands of every op that computes a layer's gradients.
struct LayerGradientOperands {
  /// The layer's input; `nil` where the weight is frozen.
  let x: Prologue?
  let dy: Prologue
  /// The layer's weight; `nil` where no data gradient is needed.
  let weight: TrainingBuffer?
  /// The data gradient; `nil` where it is not needed.
  let dx: GradientEpilogue?
  /// The shards of the batch.
  let shards: Shards
  /// `[shards, …]` floats: the weight's gradient, shard by shard.
  let partial: TrainingBuffer?

  /// The number of the two gradients that are computed.
  var count: Int { (partial == nil ? 0 : 1) + (dx == nil ? 0 : 1) }

  var buffers: [TrainingBuffer?] {
    (x?.buffers ?? []) + dy.buffers + [partial] + (dx?.buffers ?? [])
  }
}

extension TrainingLowering {
  /// Takes both gradients of a layer: they are done then.
  ///
  /// - Parameter partialCount: floats of a shard's partial gradient of the weight.
  mutating func operands(_ layer: LayerGradients, partialCount: Int) throws -> LayerGradientOperands {
    let shards = Shards(images: layer.output[0], weights: layer.weightNode == nil ? 0 : partialCount)
    let x = try layer.weightNode.map { try source(graph.nodes[$0].inputs[0]) }
    let dy = try prologue(layer.incoming)
    let weight = try layer.inputNode.map { try stored(graph.nodes[$0].inputs[1]) }
    let partial = layer.weightNode.map { _ in buffer(shards.count * partialCount) }
    done.formUnion([layer.inputNode, layer.weightNode].compactMap { $0 })
    let dx = try layer.inputNode.map { try epilogue(graph.nodes[$0].outputs[0], shards) }
    return LayerGradientOperands(
      x: x, dy: dy, weight: weight, dx: dx, shards: shards, partial: partial)
  }

  /// The weight's gradient, and its node's label.
  mutating func weightGradient(_ layer: LayerGradients) -> (label: String, gradient: TrainingBuffer)? {
    layer.weightNode.map { (graph.nodes[$0].label, define(graph.nodes[$0].outputs[0])) }
  }

  /// The epilogue of a data gradient: the gradient added to it, the derivative of the activation before the layer, and
  /// the sums for that one's norm; those nodes are done then.
  private mutating func epilogue(_ gradient: Value, _ shards: Shards) throws -> GradientEpilogue {
    var value = gradient
    var residual: TrainingBuffer?
    if let reader = soleReader(value), graph.nodes[reader].operation is Add, !done.contains(reader) {
      let add = graph.nodes[reader]
      let other = add.inputs[0] == value ? add.inputs[1] : add.inputs[0]
      if other != value, prologues[other] != nil {
        residual = try stored(other)
        done.insert(reader)
        value = add.outputs[0]
      }
    }
    var mask: BackwardPrologue.Mask?
    if let reader = soleReader(value), !done.contains(reader),
      let activation = graph.nodes[reader].operation as? ActivationGradient,
      graph.nodes[reader].inputs[1] == value, graph.nodes[reader].inputs[0] != value,
      let input = prologues[graph.nodes[reader].inputs[0]]?.affine
    {
      mask = BackwardPrologue.Mask(input: input, activation: activation.function)
      done.insert(reader)
      value = graph.nodes[reader].outputs[0]
    }
    // The norm whose gradient begins with this one: of the same y, or of any where nothing was masked.
    var sums: GradientEpilogue.Sums?
    let norms = (readers[value] ?? []).filter {
      graph.nodes[$0].operation is BatchNormGradient && graph.nodes[$0].inputs[4] == value
    }
    if let norm = norms.first, norms.count == 1, let y = prologues[graph.nodes[norm].inputs[0]]?.stored,
      mask == nil || mask?.input.y === y, let mean = prologues[graph.nodes[norm].inputs[2]]?.stored
    {
      let totals = totalsBuffer(shards, Self.channels(shape(gradient)))
      gradientSums[norm] = (totals, shards.count)
      sums = GradientEpilogue.Sums(y: y, mean: mean, totals: totals)
    }
    return GradientEpilogue(destination: define(value), residual: residual, mask: mask, sums: sums)
  }
}
