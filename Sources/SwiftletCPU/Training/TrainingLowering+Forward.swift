// TrainingLowering+Forward.swift: layers, norms, activations and sums of the forward pass.

import CKernels
import SwiftletGraph

extension TrainingLowering {
  /// Lowers one node.
  mutating func lower(_ index: Int, _ node: Node) {
    switch node.operation {
    case let operation as Convolution: convolution(node, operation)
    case let operation as DepthwiseConvolution: depthwise(node, operation)
    case is Linear: linear(node)
    case let operation as BatchNormTraining: norm(node, operation)
    case let operation as BatchNorm: frozenNorm(node, operation)
    case let operation as Activation: activation(node, operation)
    case is Add: sum(index, node)
    case is ChannelScale: channelScale(node)
    case is GlobalAveragePool:
      let x = node.inputs[0]
      let view = view(x).isGradient ? plain(x) : view(x)
      append(
        PooledWork(
          node.label, view, gradient: nil, define(node.outputs[0]), factor: 1 / Double(view.pixels),
          images: images(x)))
    case is Reshape: define(node.outputs[0], as: stored(node.inputs[0]))
    case let operation as Dropout:
      let (x, step) = (stored(node.inputs[0]), stored(node.inputs[1]))
      append(DropoutWork(node.label, operation, x, step: step, define(node.outputs[0])))
    case let operation as StochasticDepth: stochasticDepth(node, operation)
    case let operation as MaxPool: pool(node, operation.window, isMax: true)
    case let operation as AveragePool: pool(node, operation.window, isMax: false)
    case let operation as PadChannels: channels(node, from: 0, to: operation.before, from: node.inputs[0])
    case let operation as SliceChannels: channels(node, from: operation.start, to: 0, from: node.inputs[0])
    case let operation as SoftmaxCrossEntropy:
      let (logits, targets) = (stored(node.inputs[0]), stored(node.inputs[1]))
      append(
        CrossEntropyWork(
          node.label, logits: logits, targets: targets, incoming: nil, define(node.outputs[0]),
          classes: shape(node.inputs[0])[1], smoothing: operation.smoothing, weight: operation.weight))
    default: lowerBackward(index, node)
    }
  }

  /// A stored value as a view of nothing else.
  mutating func plain(_ value: Value) -> TrainingView {
    let shape = shape(value)
    return TrainingView(
      stored: stored(value), channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  /// What a layer reads: a view forwards, or something stored.
  mutating func source(_ value: Value) -> TrainingView {
    view(value).isGradient ? plain(value) : view(value)
  }

  /// How a layer stores its result: with the sums that a norm needs, where one reads it.
  private mutating func outputStore(_ value: Value, _ chunks: Chunks) -> OutputStore {
    let channels = Self.channels(shape(value))
    var statistics: TrainingBuffer?
    if (readers[value] ?? []).contains(where: { graph.nodes[$0].operation is BatchNormTraining }) {
      let sums = totalsBuffer(chunks, channels)
      moments[value] = BatchMoments(statistics: sums, chunks: chunks, pixels: Self.pixels(shape(value)))
      statistics = sums
    }
    return OutputStore(y: define(value), channels: channels, statistics: statistics)
  }

  /// Memory for the statistics of a value.
  mutating func batchMoments(_ value: Value) -> BatchMoments {
    let chunks = Chunks(images: rows(value))
    return BatchMoments(
      statistics: totalsBuffer(chunks, Self.channels(shape(value))), chunks: chunks,
      pixels: Self.pixels(shape(value)))
  }

  private mutating func convolution(_ node: Node, _ operation: Convolution) {
    let (kernel, output) = (shape(node.inputs[1]), shape(node.outputs[0]))
    guard operation.groups == 1, let weight = parameter(node.inputs[1]),
      node.inputs.count < 3 || parameter(node.inputs[2]) != nil
    else { return fallBack(node) }
    let x = source(node.inputs[0])
    let bias = node.inputs.count == 3 ? parameter(node.inputs[2]) : nil
    let chunks = Chunks(images: output[0])
    if let geometry = WinogradGeometry(
      operation.window, input: shape(node.inputs[0]), output: output, winograd)
    {
      let (depth, columns) = (kernel[2], kernel[3])
      let packed = buffer(36 * geometry.weightStride(kernels, depth: depth, columns: columns))
      append(WinogradPackWork(node.label, weight, packed: packed, depth: depth, columns: columns))
      append(
        WinogradForwardWork(
          node.label, geometry, x, packed: packed, bias: bias, outputStore(node.outputs[0], chunks),
          chunks: chunks))
      return
    }
    let taps = operation.window.kernel * operation.window.kernel
    let packed = buffer(kernels.gemm_packed_count(taps * kernel[2], kernel[3]))
    append(
      PackWork(
        node.label, weight, packed: packed, taps: Array(0..<taps), inputs: kernel[2], outputs: kernel[3],
        isTransposed: false))
    let y = outputStore(node.outputs[0], chunks)
    if Self.isPointwise(operation.window) {
      append(PointwiseForwardWork(node.label, x, packed: packed, bias: bias, y, chunks: chunks))
    } else {
      let geometry = DenseGeometry(operation.window, input: shape(node.inputs[0]), output: output)
      append(
        DenseForwardWork(
          node.label, geometry, x, packed: packed, zeros: zeroBuffer, bias: bias, y, chunks: chunks))
    }
  }

  static func isPointwise(_ window: Window) -> Bool {
    window.kernel == 1 && window.stride == 1 && window.padding == .none
  }

  /// Whether a depthwise window is one that the rows of ``DepthwiseForwardWork`` can slide over.
  static func slides(_ window: Window, _ input: Shape, _ output: Shape) -> Bool {
    (output[1] - 1) * window.stride < input[1] && (output[2] - 1) * window.stride < input[2]
  }

  private mutating func depthwise(_ node: Node, _ operation: DepthwiseConvolution) {
    let (input, output) = (shape(node.inputs[0]), shape(node.outputs[0]))
    guard let weight = parameter(node.inputs[1]), Self.slides(operation.window, input, output),
      node.inputs.count < 3 || parameter(node.inputs[2]) != nil
    else { return fallBack(node) }
    let x = source(node.inputs[0])
    let (kernel, channels) = (operation.window.kernel, input[3])
    let packed = buffer(kernels.depthwise_packed_count(kernel, channels))
    append(
      DepthwisePackWork(
        node.label, weight, packed: packed, kernel: kernel, channels: channels, isFlipped: false))
    let chunks = Chunks(images: output[0])
    append(
      DepthwiseForwardWork(
        node.label, DepthwiseGeometry(operation.window, input: input, output: output), x, packed: packed,
        bias: node.inputs.count == 3 ? parameter(node.inputs[2]) : nil,
        outputStore(node.outputs[0], chunks), chunks: chunks))
  }

  private mutating func linear(_ node: Node) {
    let (rows, size) = (shape(node.outputs[0])[0], shape(node.inputs[1]))
    guard let weight = parameter(node.inputs[1]), node.inputs.count < 3 || parameter(node.inputs[2]) != nil
    else { return fallBack(node) }
    let x = stored(node.inputs[0])
    let packed = buffer(kernels.gemm_packed_count(size[0], size[1]))
    append(
      PackWork(
        node.label, weight, packed: packed, taps: [0], inputs: size[0], outputs: size[1], isTransposed: false)
    )
    append(
      LinearForwardWork(
        node.label, x, packed: packed, y: define(node.outputs[0]),
        bias: node.inputs.count == 3 ? parameter(node.inputs[2]) : nil, rows: rows, inputs: size[0],
        outputs: size[1]))
  }

  private mutating func norm(_ node: Node, _ operation: BatchNormTraining) {
    let x = node.inputs[0]
    let parameters = node.inputs.dropFirst().compactMap { parameter($0) }
    guard parameters.count == 4 else { return fallBack(node) }
    let y = stored(x)
    let channels = Self.channels(shape(x))
    if moments[x] == nil {
      let sums = batchMoments(x)
      append(MomentsWork(node.label, plain(x), sums))
      moments[x] = sums
    }
    guard let sums = moments[x] else { return }
    let vectors = NormStatisticsWork.Vectors(
      mean: define(node.outputs[1]), variance: define(node.outputs[2]), scale: buffer(channels),
      shift: buffer(channels), newMean: define(node.outputs[3]), newVariance: define(node.outputs[4]))
    append(
      NormStatisticsWork(
        node.label, sums, parameters: parameters, vectors, epsilon: operation.epsilon,
        momentum: operation.momentum))
    views[node.outputs[0]] = normed(x, y, vectors.scale, vectors.shift)
  }

  private mutating func frozenNorm(_ node: Node, _ operation: BatchNorm) {
    let parameters = node.inputs.dropFirst().compactMap { parameter($0) }
    guard parameters.count == 4 else { return fallBack(node) }
    let y = stored(node.inputs[0])
    let channels = Self.channels(shape(node.inputs[0]))
    let (scale, shift) = (buffer(channels), buffer(channels))
    append(
      FrozenNormWork(
        node.label, parameters: parameters, scale: scale, shift: shift, epsilon: operation.epsilon))
    views[node.outputs[0]] = normed(node.inputs[0], y, scale, shift)
  }

  private func normed(
    _ x: Value, _ y: TrainingBuffer, _ scale: TrainingBuffer, _ shift: TrainingBuffer
  ) -> TrainingView {
    var view = TrainingView(
      stored: y, channels: Self.channels(shape(x)), pixels: Self.pixels(shape(x)))
    (view.scale, view.shift) = (scale, shift)
    return view
  }

  private mutating func activation(_ node: Node, _ operation: Activation) {
    var view = view(node.inputs[0])
    if !view.isAffine { view = plain(node.inputs[0]) }
    view.activation = operation.function
    views[node.outputs[0]] = view
  }

  private mutating func channelScale(_ node: Node) {
    let gate = stored(node.inputs[1])
    var view = view(node.inputs[0])
    // A gate of a gradient: of what comes in, before any derivative.
    if view.isGradient, view.incoming == nil || view.offset != nil || view.gate != nil {
      view = plain(node.inputs[0])
    }
    if !view.isGradient, view.gate != nil { view = plain(node.inputs[0]) }
    view.gate = gate
    views[node.outputs[0]] = view
  }

  private mutating func stochasticDepth(_ node: Node, _ operation: StochasticDepth) {
    let x = node.inputs[0]
    let images = max(shape(x)[0], 1)
    let gate = buffer(images * Self.channels(shape(x)))
    append(
      StochasticDepthWork(
        node.label, operation, step: stored(node.inputs[1]), gate: gate, images: images))
    var view = view(x)
    if view.isGradient ? (view.incoming == nil || view.gate != nil || view.offset != nil) : view.gate != nil {
      view = plain(x)
    }
    view.gate = gate
    views[node.outputs[0]] = view
  }

  private mutating func pool(_ node: Node, _ window: Window, isMax: Bool) {
    let x = stored(node.inputs[0])
    append(
      WindowPoolWork(
        node.label, x, define(node.outputs[0]), window, input: shape(node.inputs[0]),
        output: shape(node.outputs[0]), isMax: isMax))
  }

  private mutating func channels(_ node: Node, from: Int, to: Int, from value: Value) {
    let (inputs, outputs) = (Self.channels(shape(value)), Self.channels(shape(node.outputs[0])))
    let x = stored(value)
    append(
      ChannelRangeWork(
        node.label, x, define(node.outputs[0]), pixels: max(shape(value).count / inputs, 1), from: from,
        to: to, count: min(inputs - from, outputs - to)))
  }

  /// A sum, with the activation behind it where the sum itself is not needed: ReLU's derivative is known from its result.
  private mutating func sum(_ index: Int, _ node: Node) {
    let output = node.outputs[0]
    if let merged = mergedGradient(node) {
      views[output] = merged
      return
    }
    let (a, b) = (view(node.inputs[0]), view(node.inputs[1]))
    let reading = (readers[output] ?? []).filter { !(graph.nodes[$0].operation is ActivationGradient) }
    var function: ActivationFunction?
    if reading.count == 1, !kept.contains(output),
      let activation = graph.nodes[reading[0]].operation as? Activation,
      activation.function == .relu || activation.function == .relu6
    {
      function = activation.function
      done.insert(reading[0])
    }
    let target = define(output)
    append(
      SumWork(node.label, a, b, function, target, chunks: Chunks(images: rows(output))))
    if function != nil { define(graph.nodes[reading[0]].outputs[0], as: target) }
  }

  /// The sum of a gated gradient and one that all pixels of an image share: one view.
  private mutating func mergedGradient(_ node: Node) -> TrainingView? {
    let parts = node.inputs.map { view($0).incoming }
    guard let a = parts[0], let b = parts[1] else { return nil }
    for (one, other) in [(a, b), (b, a)] where one.g == nil && one.offset != nil && other.offset == nil {
      var merged = other
      merged.offset = one.offset
      return merged
    }
    return nil
  }
}
