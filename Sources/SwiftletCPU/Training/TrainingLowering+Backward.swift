// TrainingLowering+Backward.swift: gradients and updates. A convolution's two gradients are one work, and its data gradient is
// stored after the activation's derivative of the layer before it, with the sums that that layer's norm needs.

import CKernels
import SwiftletGraph

/// One of the two gradients of a convolution, dense or depthwise.
private struct LayerGradients {
  /// Whether it is that of the layer's input.
  let isInput: Bool
  let isDepthwise: Bool
  let window: Window
  let groups: Int
  /// `[N, H, W, I]` of the layer's input, and its weight's shape.
  let input: Shape, weight: Shape
  /// The gradient of the layer's output.
  let incoming: Value

  /// `nil` where the node is something else.
  init?(_ node: Node, _ shape: (Value) -> Shape) {
    switch node.operation {
    case let operation as ConvolutionInputGradient:
      (isInput, isDepthwise, window, groups) = (true, false, operation.window, operation.groups)
      input = operation.input
    case let operation as ConvolutionWeightGradient:
      (isInput, isDepthwise, window, groups) = (false, false, operation.window, operation.groups)
      input = shape(node.inputs[0])
    case let operation as DepthwiseInputGradient:
      (isInput, isDepthwise, window, groups) = (true, true, operation.window, 1)
      input = operation.input
    case let operation as DepthwiseWeightGradient:
      (isInput, isDepthwise, window, groups) = (false, true, operation.window, 1)
      input = shape(node.inputs[0])
    default: return nil
    }
    weight = isInput ? shape(node.inputs[1]) : shape(node.outputs[0])
    incoming = node.inputs[isInput ? 0 : 1]
  }

  /// Whether both are of layers of one shape.
  func matches(_ other: Self) -> Bool {
    (isDepthwise, window, groups, input, weight, incoming)
      == (other.isDepthwise, other.window, other.groups, other.input, other.weight, other.incoming)
  }
}

extension TrainingLowering {
  mutating func lowerBackward(_ index: Int, _ node: Node) {
    switch node.operation {
    case let operation as ActivationGradient: activationGradient(node, operation)
    case let operation as BatchNormGradient: normGradient(index, node, operation)
    case is ConvolutionInputGradient, is ConvolutionWeightGradient, is DepthwiseInputGradient,
      is DepthwiseWeightGradient:
      layerGradients(index, node)
    case is LinearInputGradient: linearInputGradient(node)
    case is LinearWeightGradient:
      let (x, dy) = (stored(node.inputs[0]), stored(node.inputs[1]))
      let (a, b) = (shape(node.inputs[0]), shape(node.inputs[1]))
      append(
        LinearWeightGradientWork(
          node.label, x, dy, define(node.outputs[0]), rows: a[0], inputs: a[1], outputs: b[1]))
    case is SumToChannels:
      let dy = node.inputs[0]
      let sums = batchMoments(dy)
      append(MomentsWork(node.label, view(dy), sums))
      append(ChannelTotalWork(node.label, sums, gradient: define(node.outputs[0])))
    case is ChannelScaleGateGradient:
      let x = source(node.inputs[0])
      let dy = stored(node.inputs[1])
      append(
        PooledWork(
          node.label, x, gradient: dy, define(node.outputs[0]), factor: 1, images: images(node.inputs[0])))
    case let operation as GlobalAveragePoolGradient:
      let dy = stored(node.inputs[0])
      let pixels = operation.input[1] * operation.input[2]
      let offset = buffer(dy.count)
      append(ScaleWork(node.label, dy, offset, factor: 1 / Double(pixels)))
      var view = TrainingView(stored: nil, channels: operation.input[3], pixels: pixels)
      view.isGradient = true
      view.offset = offset
      views[node.outputs[0]] = view
    case let operation as MaxPoolGradient:
      poolGradient(node, operation.window, x: node.inputs[0], dy: node.inputs[1])
    case let operation as AveragePoolGradient:
      poolGradient(node, operation.window, x: nil, dy: node.inputs[0])
    case let operation as SoftmaxCrossEntropyGradient:
      let inputs = node.inputs.map { stored($0) }
      append(
        CrossEntropyWork(
          node.label, logits: inputs[0], targets: inputs[1], incoming: inputs[2], define(node.outputs[0]),
          classes: shape(node.inputs[0])[1], smoothing: operation.smoothing, weight: operation.weight))
    default: lowerUpdate(node)
    }
  }

  private mutating func lowerUpdate(_ node: Node) {
    let inputs = node.inputs.map { stored($0) }
    switch node.operation {
    case let operation as WeightUpdate:
      // In place only where the results' places are the operands'.
      let results = node.outputs.map { define($0) }
      let operands = [inputs[0]] + inputs[4...]
      guard zip(results, operands).allSatisfy({ $0 === $1 }) else { return fallBack(node) }
      append(
        WeightUpdateWork(
          node.label, operation, weight: inputs[0], gradient: inputs[1], rates: inputs[2], scale: inputs[3],
          moments: Array(inputs[4...])))
    case let operation as GradientScale:
      let totals = buffer(2 * inputs.count)
      append(SquaresWork(node.label, inputs, totals: totals))
      append(
        GradientScaleWork(
          node.label, totals: totals, count: inputs.count, scale: define(node.outputs[0]),
          norm: define(node.outputs[1]), maximum: operation.maximum))
    case is MovingAverage where define(node.outputs[0]) === inputs[0]:
      append(MovingAverageWork(node.label, average: inputs[0], value: inputs[1], rates: inputs[2]))
    case is Accumulate where define(node.outputs[0]) === inputs[0]:
      append(AccumulateWork(node.label, sum: inputs[0], gradient: inputs[1], rates: inputs[2]))
    default: fallBack(node)
    }
  }

  private mutating func activationGradient(_ node: Node, _ operation: ActivationGradient) {
    let x = view(node.inputs[0])
    let mask = x.isAffine ? x : plain(node.inputs[0])
    var result = view(node.inputs[1]).incoming ?? plain(node.inputs[1]).incoming ?? mask
    result.isGradient = true
    (result.y, result.scale, result.shift) = (mask.y, mask.scale, mask.shift)
    result.activation = operation.function
    views[node.outputs[0]] = result
  }

  private mutating func normGradient(_ index: Int, _ node: Node, _ operation: BatchNormGradient) {
    let x = node.inputs[0]
    let y = stored(x)
    let channels = Self.channels(shape(x))
    guard let scale = parameter(node.inputs[1]) else { return fallBack(node) }
    let (mean, variance) = (stored(node.inputs[2]), stored(node.inputs[3]))
    // d, as a gradient whose only other tensor is this norm's y.
    var view = view(node.inputs[4])
    if view.isGradient, view.coefficients != nil || (view.y != nil && view.y !== y) {
      view = plain(node.inputs[4])
    }
    guard var d = view.isGradient ? view : (view.incoming ?? plain(node.inputs[4]).incoming) else {
      return fallBack(node)
    }
    d.y = y
    d.center = mean
    let chunks = Chunks(images: rows(x))
    if gradientSums[index] == nil {
      let totals = totalsBuffer(chunks, channels)
      append(GradientSumsWork(node.label, d, totals: totals, chunks: chunks))
      gradientSums[index] = (totals, chunks.count)
    }
    guard let sums = gradientSums[index] else { return }
    let coefficients = isRead(node.outputs[0]) ? buffer(3 * channels) : nil
    append(
      NormGradientWork(
        node.label, totals: sums.totals, chunks: sums.chunks, count: shape(x).count / channels, scale: scale,
        mean: mean, variance: variance, coefficients: coefficients, scaleGradient: define(node.outputs[1]),
        offsetGradient: define(node.outputs[2]), epsilon: operation.epsilon,
        usesBatchStatistics: operation.usesBatchStatistics))
    d.coefficients = coefficients
    views[node.outputs[0]] = d
  }

  /// Both gradients of a convolution, dense or depthwise, whichever comes first.
  private mutating func layerGradients(_ index: Int, _ node: Node) {
    guard let layer = LayerGradients(node, shape) else { return fallBack(node) }
    // The other gradient of the same layer, or of one like it: from one incoming gradient both follow on their own.
    let partner = (readers[layer.incoming] ?? []).first { other in
      guard other > index, !done.contains(other),
        let others = LayerGradients(graph.nodes[other], shape), others.isInput != layer.isInput
      else { return false }
      // What the partner reads is there already: it is done here, ahead of its turn.
      return others.matches(layer) && graph.nodes[other].inputs.allSatisfy { views[$0] != nil }
    }
    let input = layer.isInput ? index : partner
    let weight = layer.isInput ? partner : index
    let (dyValue, window, groups) = (layer.incoming, layer.window, layer.groups)
    let isDepthwise = layer.isDepthwise
    let inputShape = layer.input
    let output = shape(dyValue)
    let weightParameter = input.map { parameter(graph.nodes[$0].inputs[1]) != nil } ?? true
    guard groups == 1, weightParameter, !isDepthwise || Self.slides(window, inputShape, output)
    else { return fallBack(node) }
    if let input { done.insert(input) }
    if let weight { done.insert(weight) }

    let x = weight.map { source(graph.nodes[$0].inputs[0]) }
    let dy = view(dyValue)
    let count = weight.map { shape(graph.nodes[$0].outputs[0]).count } ?? 0
    let tiled = isDepthwise ? nil : WinogradGeometry(window, input: inputShape, output: output, winograd)
    let chunks = Chunks(images: output[0], weights: tiled == nil ? count : 4 * count)
    let inputs = inputShape[3]
    let partial = weight.map { _ in buffer(chunks.count * (tiled == nil ? count : 4 * count)) }
    var packed: [TrainingBuffer] = []
    if let input, let parameter = parameter(graph.nodes[input].inputs[1]) {
      packed =
        tiled.map { [packTurned(node.label, parameter, $0)] }
        ?? packTransposed(node.label, parameter, window, inputShape, output, isDepthwise: isDepthwise)
    }
    let dx = input.map { epilogue(graph.nodes[$0].outputs[0], chunks) }
    var transposedRows: Int?
    if let tiled {
      append(
        WinogradBackwardWork(
          node.label, tiled, x: x, dy: dy, partial: partial, packed: packed.first, dx: dx, chunks: chunks))
      if let weight, let partial {
        append(
          WinogradReduceWork(
            graph.nodes[weight].label, partial: partial, gradient: define(graph.nodes[weight].outputs[0]),
            chunks: chunks.count))
      }
      return
    }
    if isDepthwise {
      append(
        DepthwiseBackwardWork(
          node.label, DepthwiseGeometry(window, input: inputShape, output: output), x: x, dy: dy,
          partial: partial, packed: packed.first, dx: dx, chunks: chunks))
    } else if Self.isPointwise(window) {
      // Wide columns keep the multipliers busy.
      let isTransposed = inputs > output[3]
      transposedRows = isTransposed ? output[3] : nil
      append(
        PointwiseBackwardWork(
          node.label, x: x, dy: dy, inputs: inputs, partial: partial, isTransposed: isTransposed,
          packed: packed.first, dx: dx, chunks: chunks))
    } else {
      append(
        DenseBackwardWork(
          node.label, DenseGeometry(window, input: inputShape, output: output), x: x, dy: dy,
          partial: partial, zeros: zeroBuffer, packed: packed, dx: dx, chunks: chunks))
    }
    if let weight, let partial {
      append(
        ReduceWork(
          graph.nodes[weight].label, partial: partial, gradient: define(graph.nodes[weight].outputs[0]),
          chunks: chunks.count, transposedRows: transposedRows))
    }
  }

  /// The weights of a data gradient by Winograd's tiles.
  private mutating func packTurned(
    _ label: String, _ weight: TrainingBuffer, _ geometry: WinogradGeometry
  ) -> TrainingBuffer {
    let (inputs, outputs) = (geometry.inputs, geometry.outputs)
    let turned = buffer(weight.count)
    append(TurnWeightsWork(label, weight, turned, taps: 9, inputs: inputs, outputs: outputs))
    let packed = buffer(36 * geometry.weightStride(kernels, depth: outputs, columns: inputs))
    append(WinogradPackWork(label, turned, packed: packed, depth: outputs, columns: inputs))
    return packed
  }

  private mutating func packTransposed(
    _ label: String, _ weight: TrainingBuffer, _ window: Window, _ input: Shape, _ output: Shape,
    isDepthwise: Bool
  ) -> [TrainingBuffer] {
    if isDepthwise {
      let packed = buffer(kernels.depthwise_packed_count(window.kernel, input[3]))
      append(
        DepthwisePackWork(
          label, weight, packed: packed, kernel: window.kernel, channels: input[3], isFlipped: true))
      return [packed]
    }
    let phases =
      Self.isPointwise(window)
      ? [[0]] : DenseGeometry(window, input: input, output: output).phases.map(\.taps)
    return phases.map { taps in
      let packed = buffer(kernels.gemm_packed_count(taps.count * output[3], input[3]))
      if !taps.isEmpty {
        append(
          PackWork(
            label, weight, packed: packed, taps: taps, inputs: input[3], outputs: output[3],
            isTransposed: true))
      }
      return packed
    }
  }

  /// How a data gradient is stored: with what is added to it, after the derivative of the activation before the layer, and with
  /// the sums for that one's norm; those nodes are done then.
  private mutating func epilogue(_ gradient: Value, _ chunks: Chunks) -> GradientEpilogue {
    let channels = Self.channels(shape(gradient)), pixels = Self.pixels(shape(gradient))
    var value = gradient
    var residual: TrainingBuffer?
    if let reader = soleReader(value), graph.nodes[reader].operation is Add, !done.contains(reader) {
      let add = graph.nodes[reader]
      let other = add.inputs[0] == value ? add.inputs[1] : add.inputs[0]
      if other != value, views[other] != nil {
        residual = stored(other)
        done.insert(reader)
        value = add.outputs[0]
      }
    }
    var mask: TrainingView?
    if let reader = soleReader(value), !done.contains(reader),
      let activation = graph.nodes[reader].operation as? ActivationGradient,
      graph.nodes[reader].inputs[1] == value, graph.nodes[reader].inputs[0] != value
    {
      let x = graph.nodes[reader].inputs[0]
      if views[x]?.isAffine == true {
        var view = view(x)
        view.activation = activation.function
        view.isGradient = true
        mask = view
        done.insert(reader)
        value = graph.nodes[reader].outputs[0]
      }
    }
    // The norm whose gradient begins with this one: of the same y, or of any where nothing was masked.
    var totals: TrainingBuffer?
    let norms = (readers[value] ?? []).filter {
      graph.nodes[$0].operation is BatchNormGradient && graph.nodes[$0].inputs[4] == value
    }
    if let norm = norms.first, norms.count == 1, let y = views[graph.nodes[norm].inputs[0]]?.stored,
      mask == nil || mask?.y === y, let mean = views[graph.nodes[norm].inputs[2]]?.stored
    {
      let sums = totalsBuffer(chunks, channels)
      totals = sums
      gradientSums[norm] = (sums, chunks.count)
      if mask == nil {
        var view = TrainingView(stored: y, channels: channels, pixels: pixels)
        view.isGradient = true
        mask = view
      }
      mask?.center = mean
    }
    let destination = define(value)
    return GradientEpilogue(
      destination: destination, residual: residual, mask: mask, totals: totals)
  }

  private mutating func linearInputGradient(_ node: Node) {
    let size = shape(node.inputs[1])
    guard let weight = parameter(node.inputs[1]) else { return fallBack(node) }
    let dy = stored(node.inputs[0])
    let packed = buffer(kernels.gemm_packed_count(size[1], size[0]))
    append(
      PackWork(
        node.label, weight, packed: packed, taps: [0], inputs: size[0], outputs: size[1], isTransposed: true))
    append(
      LinearForwardWork(
        node.label, dy, packed: packed, y: define(node.outputs[0]), bias: nil, rows: shape(node.inputs[0])[0],
        inputs: size[1], outputs: size[0]))
  }

  private mutating func poolGradient(_ node: Node, _ window: Window, x: Value?, dy: Value) {
    let xBuffer = x.map { stored($0) }
    let dyBuffer = stored(dy)
    append(
      WindowPoolGradientWork(
        node.label, x: xBuffer, dy: dyBuffer, dx: define(node.outputs[0]), window,
        input: shape(node.outputs[0]), output: shape(dy)))
  }
}
