// TrainingLowering.swift: from the graph of a step to ops: values that are stored, values that are computed when read, and fused sums.

import CKernels
import SwiftletGraph

/// Turns the nodes of a training graph into ops.
///
/// Each value is a ``Prologue``: a stored tensor, or an expression of stored ones, computed when a strip of it is needed. Only
/// convolutions, linear layers and sums of feature maps store; norms, activations, gates and their gradients are computed where they
/// are read. An op that reads whole tensors has its inputs stored for it.
struct TrainingLowering {
  let graph: Graph
  let kernels: sk_kernels
  /// The use of Winograd's convolutions.
  let winograd: CPUBackend.Use
  private(set) var ops: [any TrainingOp] = []
  private(set) var buffers: [TrainingBuffer] = []
  /// The outputs of a run.
  private(set) var outputs: [TrainingBuffer] = []
  /// The memory of parameters and inputs.
  private(set) var persistent: [Value: TrainingBuffer] = [:]
  /// The prologue of each value that is computed so far.
  var prologues: [Value: Prologue] = [:]
  /// Nodes that an earlier op computes.
  var done: Set<Int> = []
  /// Statistics that a layer's output came with, for the norm that reads it.
  var statistics: [Value: BatchStatistics] = [:]
  /// Sums that a gradient came with, for the gradient of the norm, by its node.
  var gradientSums: [Int: (totals: TrainingBuffer, shards: Int)] = [:]
  let readers: [Value: [Int]]
  /// Values that a run returns or keeps.
  let kept: Set<Value>
  /// Zeros, as many as any convolution has channels.
  let zeros: TrainingBuffer
  /// The address of buffers before they are laid out.
  let nowhere: FloatMemory
  /// The memory of an update's new value: that of the old one, if nothing reads it after the new one is made.
  private var targets: [Value: TrainingBuffer] = [:]
  /// The node that is being lowered.
  private var label = ""

  /// The lowerings of operations: the first that takes a node lowers it. One file of `Ops/` for each.
  static var opLowerings: [any TrainingOpLowering.Type] {
    [
      WinogradConvolutionLowering.self, PointwiseConvolutionLowering.self, GroupedConvolutionLowering.self,
      DenseConvolutionLowering.self, DepthwiseLayerLowering.self, LinearLayerLowering.self,
      BiasGradientLowering.self, BatchNormalizationLowering.self, ElementwiseActivationLowering.self,
      SummationLowering.self, ChannelGateLowering.self, GlobalPoolingLowering.self,
      WindowPoolingLowering.self, AdaptivePoolingLowering.self, ChannelCopyLowering.self,
      ReshapingLowering.self, DropoutMaskLowering.self, StochasticDepthGateLowering.self,
      CrossEntropyLowering.self, SigmoidLossLowering.self, DistillationLossLowering.self,
      WeightUpdatingLowering.self,
      GradientClippingLowering.self, WeightAveragingLowering.self, GradientAccumulationLowering.self,
    ]
  }

  init(_ graph: Graph, _ kernels: sk_kernels, winograd: CPUBackend.Use) throws {
    self.graph = graph
    self.winograd = winograd
    self.kernels = kernels
    var readers: [Value: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in Set(node.inputs) { readers[value, default: []].append(index) }
    }
    self.readers = readers
    kept = Set((graph.outputs + graph.updates).map(\.value))
    let deepest = graph.types.reduce(16) {
      $1.shape.rank == 4 ? max($0, $1.shape[2], $1.shape[3]) : $0
    }
    nowhere = try FloatMemory(count: 16)
    zeros = TrainingBuffer(count: deepest, persists: true, nowhere: nowhere.start)
    buffers.append(zeros)
  }

  /// Lowers every node.
  ///
  /// - Throws: ``TrainingEngineError``.
  mutating func run() throws {
    for spec in graph.parameters { bind(spec.value, spec.shape) }
    for port in graph.inputs { bind(port.value, graph.type(of: port.value).shape) }
    let parameters = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.name, $0.value) })
    let reads = lastReads()
    for port in graph.updates {
      guard let old = parameters[port.name], let producer = producer(of: port.value),
        reads[old.id] <= producer, targets[port.value] == nil
      else { continue }
      targets[port.value] = persistent[old]
    }
    for (index, node) in graph.nodes.enumerated() where !done.contains(index) {
      label = node.label
      if try !Self.opLowerings.contains(where: { try $0.lower(node, at: index, in: &self) }) {
        try fallBack(node)
      }
    }
    // Outputs and new values of parameters are stored before any parameter is overwritten at the end.
    let changed = graph.updates.compactMap { port in parameters[port.name].flatMap { persistent[$0] } }
    outputs = try graph.outputs.map { port in
      try apart(stored(port.value), from: changed, port.name)
    }
    let copies = try graph.updates.compactMap { port -> (String, TrainingBuffer, TrainingBuffer)? in
      guard let old = parameters[port.name], let target = persistent[old] else { return nil }
      let source = try stored(port.value)
      return source === target ? nil : (port.name, apart(source, from: changed, port.name), target)
    }
    for (name, source, target) in copies { append(CopyOp(name, source, to: target)) }
    for buffer in outputs { buffer.use(at: ops.count) }
  }

  /// A buffer, or a copy of it where it is one of those that are overwritten.
  private mutating func apart(
    _ source: TrainingBuffer, from changed: [TrainingBuffer], _ label: String
  ) -> TrainingBuffer {
    guard changed.contains(where: { $0 === source }) else { return source }
    let copy = buffer(source.count)
    append(CopyOp(label, source, to: copy))
    return copy
  }

  /// The nodes that run by their definition, as `label (operation)`.
  var referenceOps: [String] {
    ops.compactMap { ($0 as? ReferenceOp).map { "\($0.resources.label) (\($0.operationName))" } }
  }

  /// The files of `Ops/`, by their lowerings' names: a test compares them with the folder.
  static var opFiles: [String] {
    opLowerings.map { String("\($0)".dropLast("Lowering".count)) + ".swift" }
  }

  private mutating func bind(_ value: Value, _ shape: Shape) {
    let buffer = TrainingBuffer(count: max(shape.count, 1), persists: true, nowhere: nowhere.start)
    buffers.append(buffer)
    persistent[value] = buffer
    prologues[value] = Prologue(
      stored: buffer, channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  private func producer(of value: Value) -> Int? {
    graph.nodes.firstIndex { $0.outputs.contains(value) }
  }

  /// For each value the last node that reads it, or reads something that is computed of it only then; outputs are read at the end.
  private func lastReads() -> [Int] {
    var result = [Int](repeating: -1, count: graph.types.count)
    for port in graph.outputs { result[port.value.id] = .max }
    for (index, node) in graph.nodes.enumerated().reversed() {
      var last = index
      if Self.isDeferred(node.operation) { for value in node.outputs { last = max(last, result[value.id]) } }
      for value in node.inputs { result[value.id] = max(result[value.id], last) }
    }
    return result
  }

  /// Whether a result may be computed of the inputs as late as when it is read.
  private static func isDeferred(_ operation: any GraphOperation) -> Bool {
    operation is Reshape || operation is Activation || operation is ActivationGradient || operation is Add
      || operation is ChannelScale || operation is StochasticDepth || operation is BatchNorm
      || operation is BatchNormTraining || operation is BatchNormGradient
      || operation is GlobalAveragePoolGradient
  }

  // MARK: Helpers of lowerings

  static func channels(_ shape: Shape) -> Int { shape.rank == 0 ? 1 : max(shape[-1], 1) }
  static func pixels(_ shape: Shape) -> Int { shape.rank == 4 ? shape[1] * shape[2] : 1 }
  func shape(_ value: Value) -> Shape { graph.type(of: value).shape }
  /// Images of a value.
  func images(_ value: Value) -> Int { shape(value).rank >= 2 ? shape(value)[0] : 1 }

  /// Images of a feature map; rows of anything else.
  func rows(_ value: Value) -> Int {
    let shape = shape(value)
    return shape.rank == 4 ? shape[0] : shape.count / Self.channels(shape)
  }

  mutating func append(_ op: any TrainingOp) {
    for buffer in op.resources.uses { buffer.use(at: ops.count) }
    ops.append(op)
  }

  mutating func buffer(_ count: Int) -> TrainingBuffer {
    let buffer = TrainingBuffer(count: max(count, 1), nowhere: nowhere.start)
    buffers.append(buffer)
    return buffer
  }

  /// `[shards, 2, C]` doubles.
  mutating func totalsBuffer(_ shards: Shards, _ channels: Int) -> TrainingBuffer {
    buffer(shards.count * 2 * channels * 2)
  }

  /// Memory for the statistics of a value.
  mutating func batchStatistics(_ value: Value) -> BatchStatistics {
    let shards = Shards(images: rows(value))
    return BatchStatistics(
      totalsBuffer(shards, Self.channels(shape(value))), shards: shards,
      pixels: Self.pixels(shape(value)))
  }

  /// A new tensor for a value: over the old one, if it is an update.
  mutating func define(_ value: Value) -> TrainingBuffer {
    let result = targets[value] ?? buffer(shape(value).count)
    define(value, as: result)
    return result
  }

  mutating func define(_ value: Value, as buffer: TrainingBuffer) {
    let shape = shape(value)
    prologues[value] = Prologue(
      stored: buffer, channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  /// The prologue of a value.
  ///
  /// - Throws: ``TrainingEngineError/undefinedValue(node:value:)``.
  func prologue(_ value: Value) throws -> Prologue {
    guard let prologue = prologues[value] else {
      throw TrainingEngineError.undefinedValue(node: label, value: value.id)
    }
    return prologue
  }

  /// A value as a tensor; a value that is not stored yet is stored now, once for all readers.
  mutating func stored(_ value: Value) throws -> TrainingBuffer {
    let prologue = try prologue(value)
    if let stored = prologue.stored { return stored }
    let target = define(value)
    append(StoreOp("store", prologue, target, shards: Shards(images: rows(value))))
    return target
  }

  /// A prologue with a value's channels and pixels.
  func prologue(_ source: Prologue.Source, like value: Value) -> Prologue {
    let shape = shape(value)
    return Prologue(source, channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  /// A stored value, to be read as it is, or with an activation or a gate.
  mutating func plain(
    _ value: Value, activation: ActivationFunction? = nil, gate: TrainingBuffer? = nil
  ) throws -> Prologue {
    let input = NormedTensor(y: try stored(value))
    return prologue(
      .forward(ForwardPrologue(input: input, activation: activation, gate: gate)), like: value)
  }

  /// A layer's input: a norm, activation and gate of a stored tensor, or a stored tensor.
  mutating func source(_ value: Value) throws -> Prologue {
    let prologue = try prologue(value)
    return prologue.isGradient ? try plain(value) : prologue
  }

  /// The store of a layer's output: with the statistics that a norm needs, where one reads it.
  mutating func outputStore(_ value: Value) -> OutputStore {
    var own: BatchStatistics?
    if (readers[value] ?? []).contains(where: { graph.nodes[$0].operation is BatchNormTraining }) {
      own = batchStatistics(value)
      statistics[value] = own
    }
    return OutputStore(y: define(value), channels: Self.channels(shape(value)), statistics: own?.buffer)
  }

  /// The bias of a layer: its third input.
  mutating func bias(_ node: Node) throws -> TrainingBuffer? {
    node.inputs.count == 3 ? try stored(node.inputs[2]) : nil
  }

  /// The one node that reads a value, if nothing else needs it.
  func soleReader(_ value: Value) -> Int? {
    guard let all = readers[value], all.count == 1, !kept.contains(value) else { return nil }
    return all[0]
  }

  func isRead(_ value: Value) -> Bool { readers[value] != nil || kept.contains(value) }

  /// The operation by its definition.
  private mutating func fallBack(_ node: Node) throws {
    let inputs = try node.inputs.map { (shape($0), try stored($0)) }
    // Never over something that it reads.
    let outputs = node.outputs.map { value in
      let result = buffer(shape(value).count)
      define(value, as: result)
      return result
    }
    append(ReferenceOp(node.label, node.operation, inputs, outputs))
  }
}
