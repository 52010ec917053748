// NetworkBuilder.swift: the layers that blocks are written with, under one network's conventions.

/// Whether a graph is for inference, or for training (batch statistics, dropout).
public enum Mode: String, Sendable, Hashable, Codable {
  case inference, training
}

/// Writes a network's graph, layer by layer. Blocks receive it.
public struct NetworkBuilder {
  /// The conventions of the network's source.
  public let conventions: Conventions
  /// The width multiplier α.
  public let width: Double
  /// The number of classes, which heads need.
  public let classes: Int
  /// Whether batch norm uses batch statistics, and dropout exists.
  public let mode: Mode
  /// Channels of the current block's input at α = 1.
  public internal(set) var nominalInput = 3
  var graph: GraphBuilder
  /// The rows of the table so far.
  private(set) var rows: [BuiltRow] = []
  /// The rule by which the part being built follows α: stems differ.
  var scaling = Scaling.always
  private let step: Value?
  private let regularization: Regularization
  /// The share of the network's blocks up to the one that is being built, itself included.
  var depth = 1.0

  init(
    name: String, conventions: Conventions, width: Double, classes: Int, mode: Mode,
    regularization: Regularization = Regularization()
  ) {
    self.regularization = regularization
    self.conventions = conventions
    self.width = width
    self.classes = classes
    self.mode = mode
    graph = GraphBuilder(name: name)
    step = mode == .training ? graph.input(PortName.step, TensorType([], .int64)) : nil
  }

  /// `[N, H, W, C]` of a feature map, or `[N, C]` of a vector.
  public func shape(_ x: Value) -> Shape { graph.type(of: x).shape }

  /// The channels of a value.
  public func channels(_ x: Value) -> Int { shape(x)[-1] }

  /// `channels` · α, rounded as the network's source rounds.
  public func scaled(_ channels: Int) -> Int { scaled(channels, scaling) }

  /// The same by another rule than that of the part being built.
  public func scaled(_ channels: Int, _ scaling: Scaling) -> Int {
    let multiplier = scaling.multiplier(width)
    return multiplier == 1 ? channels : conventions.width.apply(Double(channels) * multiplier)
  }

  /// The value of a layer or a block that has been built, for heads and for outputs.
  ///
  /// It is the result of the last operation whose path is `path` or begins with it and a dot: of a layer after its norm
  /// and its activation (`stages.4.0.expand`), of a block its result (`stages.4.0`), of a stage that of its last block
  /// (`stages.4`).
  ///
  /// - Throws: ``ArchitectureError/unknownTap(_:network:)`` where there is none.
  public func tap(_ path: String) throws -> Value {
    let node = graph.graph.nodes.last { $0.label == path || $0.label.hasPrefix(path + ".") }
    guard !path.isEmpty, let value = node?.outputs.first else {
      throw ArchitectureError.unknownTap(path, network: graph.graph.name)
    }
    return value
  }

  /// Adds operations that are a row of the network's table, as ``Architecture/summary(layers:)`` prints it.
  ///
  /// - Parameters:
  ///   - columns: the row's columns.
  ///   - repeats: the number of its blocks.
  ///   - x: the row's input.
  ///   - body: adds the operations, and gives their result.
  public mutating func row(
    _ columns: TableColumns, repeats: Int = 1, of x: Value,
    _ body: (Value, inout NetworkBuilder) throws -> Value
  ) rethrows -> Value {
    let (nodes, parameters) = (graph.graph.nodes.count, graph.graph.parameters.count)
    let y = try body(x, &self)
    rows.append(
      BuiltRow(
        columns: columns, repeats: repeats, input: shape(x), output: shape(y),
        nodes: nodes..<graph.graph.nodes.count, parameters: parameters..<graph.graph.parameters.count))
    return y
  }

  /// Adds a head. A head that adds no row of its own becomes one row.
  mutating func apply(_ head: any HeadDefinition, to x: Value) throws -> [NetworkOutput] {
    let before = (rows: rows.count, nodes: graph.graph.nodes.count, parameters: graph.graph.parameters.count)
    let outputs = try head.apply(x, in: &self)
    guard let main = outputs.first else {
      throw GraphError.invalidOperation(
        node: graph.graph.name, operation: "head", reason: "'\(type(of: head).name)' gives no output")
    }
    if rows.count == before.rows {
      rows.append(
        BuiltRow(
          columns: TableColumns(type(of: head).name), repeats: 1, input: shape(x), output: shape(main.value),
          nodes: before.nodes..<graph.graph.nodes.count,
          parameters: before.parameters..<graph.graph.parameters.count))
    }
    return outputs
  }

  /// Runs `body` with `name` appended to the path of whatever it adds; an empty name appends nothing.
  public mutating func scope<Result>(
    _ name: String, _ body: (inout NetworkBuilder) throws -> Result
  ) rethrows -> Result {
    if name.isEmpty { return try body(&self) }
    graph.enter(name)
    defer { graph.leave() }
    return try body(&self)
  }

  /// Convolution, then batch norm where `normalized`, then an activation.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - name: appended to the path; the parameters are `<name>.weight`, `<name>.norm.scale` ….
  ///   - channels: outputs, as they are (already scaled).
  public mutating func convolution(
    _ x: Value, _ name: String, channels: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
    activation: ActivationFunction?, normalized: Bool = true, hasBias: Bool = false
  ) throws -> Value {
    try scope(name) { network in
      let inputs = network.channels(x)
      guard groups >= 1, inputs % groups == 0 else {
        throw GraphError.invalidOperation(
          node: network.graph.path, operation: "convolution",
          reason: "\(inputs) channels cannot be split into \(groups) groups")
      }
      let weight = try network.graph.parameter(
        "weight", .convolution, [kernel, kernel, inputs / groups, channels])
      var operands = [x, weight]
      if hasBias { operands.append(try network.graph.parameter("bias", .bias, [channels])) }
      let window = network.window(x, kernel: kernel, stride: stride, network.conventions.padding)
      let y = try network.graph.emit(Convolution(window: window, groups: groups), operands, label: "")[0]
      return try network.finish(y, activation, normalized: normalized)
    }
  }

  /// Depthwise convolution, then batch norm, then an activation.
  public mutating func depthwise(
    _ x: Value, _ name: String, kernel: Int, stride: Int = 1, activation: ActivationFunction?
  ) throws -> Value {
    try scope(name) { network in
      let weight = try network.graph.parameter(
        "weight", .depthwise, [kernel, kernel, network.channels(x)])
      let window = network.window(x, kernel: kernel, stride: stride, network.conventions.padding)
      let y = try network.graph.apply(DepthwiseConvolution(window: window), x, weight, label: "")
      return try network.finish(y, activation, normalized: true)
    }
  }

  /// A linear layer `[N, I]` → `[N, units]`, then an activation. `role` decides how its weight starts.
  public mutating func linear(
    _ x: Value, _ name: String, units: Int, role: ParameterRole = .linear, hasBias: Bool = true,
    activation: ActivationFunction? = nil
  ) throws -> Value {
    try scope(name) { network in
      let weight = try network.graph.parameter("weight", role, [network.channels(x), units])
      var operands = [x, weight]
      if hasBias { operands.append(try network.graph.parameter("bias", .bias, [units])) }
      let y = try network.graph.emit(Linear(), operands, label: "")[0]
      return try network.activate(y, activation)
    }
  }

  /// Squeeze-and-excite on `x` `[N, H, W, C]`; gives `x` itself where `spec` is `nil`.
  public mutating func squeezeExcite(_ x: Value, _ spec: SqueezeExcite?) throws -> Value {
    guard let spec else { return x }
    return try scope("squeeze") { network in
      let channels = network.channels(x)
      let squeezed = spec.squeezed(channels, rounding: network.conventions.roundsSqueeze)
      let mean = try network.globalPool(x)
      let hidden = try network.linear(
        mean, "reduce", units: squeezed, role: .gate, hasBias: spec.hasBias, activation: spec.activation)
      let gate = try network.linear(
        hidden, "expand", units: channels, role: .gate, hasBias: spec.hasBias, activation: spec.gate)
      return try network.graph.apply(ChannelScale(), x, gate, label: "scale")
    }
  }

  /// An activation; gives `x` itself where it is `nil`.
  public mutating func activate(_ x: Value, _ function: ActivationFunction?) throws -> Value {
    guard let function else { return x }
    return try graph.apply(Activation(function), x, label: "activation")
  }

  /// The sum of two values of one shape.
  public mutating func add(_ a: Value, _ b: Value) throws -> Value {
    try graph.apply(Add(), a, b, label: "add")
  }

  /// The sum of a shortcut and a residual branch, which stochastic depth may drop in training.
  public mutating func residualSum(_ shortcut: Value, branch: Value) throws -> Value {
    let rate = regularization.stochasticDepth * depth
    guard let step, rate > 0 else { return try add(branch, shortcut) }
    let kept = try graph.apply(
      StochasticDepth(rate: rate, seed: nodeSeed), branch, step, label: "stochasticDepth")
    return try add(kept, shortcut)
  }

  /// A seed that no other node has.
  private var nodeSeed: UInt64 {
    regularization.seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(truncatingIfNeeded: graph.graph.nodes.count)
  }

  /// Joins feature maps along their channels.
  public mutating func concatenate(_ parts: [Value]) throws -> Value {
    try graph.emit(Concatenate(), parts, label: "concatenate")[0]
  }

  /// Some neighboring channels of a value: `[…, C]` → `[…, count]`.
  public mutating func slice(_ x: Value, from start: Int, count: Int) throws -> Value {
    try graph.apply(SliceChannels(start: start, count: count), x, label: "slice")
  }

  /// The same elements in another shape, in the same order, such as `[N, H, W, A · K]` → `[N, H · W · A, K]`. The first
  /// dimension stays the batch.
  public mutating func reshape(_ x: Value, _ shape: Shape) throws -> Value {
    try graph.apply(Reshape(shape), x, label: "reshape")
  }

  /// Logits to probabilities over the innermost dimension.
  public mutating func softmax(_ x: Value) throws -> Value {
    try graph.apply(Softmax(), x, label: "softmax")
  }

  /// The mean over a window; padding does not count.
  public mutating func averagePool(_ x: Value, kernel: Int, stride: Int) throws -> Value {
    let window = window(x, kernel: kernel, stride: stride, conventions.poolPadding)
    return try graph.apply(AveragePool(window: window), x, label: "pool")
  }

  /// `[N, H, W, C]` → `[N, C]`.
  public mutating func globalPool(_ x: Value) throws -> Value {
    try graph.apply(GlobalAveragePool(), x, label: "pool")
  }

  /// The maximum over a window.
  public mutating func maxPool(_ x: Value, kernel: Int, stride: Int) throws -> Value {
    // 2×2 pools (VGG) are never padded; 3×3 ones (ResNet) as the source does.
    let window =
      kernel % 2 == 0
      ? Window(kernel: kernel, stride: stride)
      : window(x, kernel: kernel, stride: stride, conventions.poolPadding)
    return try graph.apply(MaxPool(window: window), x, label: "pool")
  }

  /// Every `stride`-th pixel, with zeros for the channels that are missing: a shortcut without parameters.
  public mutating func paddedShortcut(_ x: Value, channels: Int, stride: Int) throws -> Value {
    var y = x
    if stride > 1 {
      y = try graph.apply(
        AveragePool(window: Window(kernel: 1, stride: stride)), y, label: "shortcut.subsample")
    }
    let missing = channels - self.channels(x)
    guard missing > 0 else { return y }
    return try graph.apply(
      PadChannels(before: missing / 2, after: missing - missing / 2), y, label: "shortcut.pad")
  }

  /// Pools to `size` × `size` where the map is not that already, and flattens to `[N, size · size · C]`.
  public mutating func flatten(_ x: Value, pooledTo size: Int) throws -> Value {
    var y = x
    if shape(x)[1] != size || shape(x)[2] != size {
      y = try graph.apply(AdaptiveAveragePool(size: size), x, label: "pool")
    }
    return try graph.apply(Reshape([shape(y)[0], shape(y).count / shape(y)[0]]), y, label: "flatten")
  }

  /// Random zeros in training; `x` itself in inference.
  public mutating func dropout(_ x: Value, rate: Double) throws -> Value {
    let rate = regularization.dropout ?? rate
    guard let step, rate > 0 else { return x }
    return try graph.apply(Dropout(rate: rate, seed: nodeSeed), x, step, label: "dropout")
  }

  private func window(_ x: Value, kernel: Int, stride: Int, _ rule: PaddingRule) -> Window {
    let map = shape(x)
    guard map.rank == 4 else { return Window(kernel: kernel, stride: stride) }
    return Window(
      kernel: kernel, stride: stride,
      padding: rule.padding(kernel: kernel, stride: stride, height: map[1], width: map[2]))
  }

  private mutating func finish(
    _ x: Value, _ activation: ActivationFunction?, normalized: Bool
  ) throws -> Value {
    try activate(normalized ? try normalize(x) : x, activation)
  }

  private mutating func normalize(_ x: Value) throws -> Value {
    try scope("norm") { network in
      let shape: Shape = [network.channels(x)]
      let operands = [
        x, try network.graph.parameter("scale", .normScale, shape),
        try network.graph.parameter("offset", .normOffset, shape),
        try network.graph.parameter("mean", .normMean, shape),
        try network.graph.parameter("variance", .normVariance, shape),
      ]
      let (epsilon, momentum) = (network.conventions.epsilon, network.conventions.momentum)
      guard network.mode == .training, !network.regularization.freezes(network.graph.path) else {
        return try network.graph.emit(BatchNorm(epsilon: epsilon), operands, label: "")[0]
      }
      let results = try network.graph.emit(
        BatchNormTraining(epsilon: epsilon, momentum: momentum), operands, label: "")
      network.graph.update(network.graph.path + ".mean", results[3])
      network.graph.update(network.graph.path + ".variance", results[4])
      return results[0]
    }
  }
}
