// TrainingLowering.swift: from the graph of a step to works: what is stored, what is a view, and which work makes which sums.

import CKernels
import SwiftletGraph

/// Turns the nodes of a training graph into works.
///
/// Each value is a ``TrainingView``: a stored tensor, or what is computed of stored ones when a strip of it is needed. Only
/// convolutions, linear layers and sums of feature maps store; norms, activations, gates and their gradients are views. An operation
/// that knows nothing of views has its inputs stored for it.
struct TrainingLowering {
  let graph: Graph
  let kernels: sk_kernels
  /// Where Winograd's convolutions are taken.
  let winograd: CPUBackend.Use
  private(set) var works: [TrainingWork] = []
  private(set) var buffers: [TrainingBuffer] = []
  /// Where parameters and inputs are.
  private(set) var persistent: [Value: TrainingBuffer] = [:]
  var views: [Value: TrainingView] = [:]
  /// Nodes that an earlier work has done.
  var done: Set<Int> = []
  /// Sums that a convolution made for the norm behind it, and those that a gradient's producer made for the norm before it.
  var moments: [Value: BatchMoments] = [:]
  var gradientSums: [Int: (totals: TrainingBuffer, chunks: Int)] = [:]
  let readers: [Value: [Int]]
  let kept: Set<Value>
  private let specs: [Value: ParameterSpec]
  /// Where an update's new value belongs, if nothing reads the old one after it is made.
  private var places: [Value: TrainingBuffer] = [:]
  private let zeros: TrainingBuffer

  init(_ graph: Graph, _ kernels: sk_kernels, winograd: CPUBackend.Use) {
    self.graph = graph
    self.winograd = winograd
    self.kernels = kernels
    var readers: [Value: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in Set(node.inputs) { readers[value, default: []].append(index) }
    }
    self.readers = readers
    kept = Set((graph.outputs + graph.updates).map(\.value))
    specs = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, $0) })
    let deepest = graph.parameters.reduce(16) {
      max($0, $1.role == .convolution ? max($1.shape[2], $1.shape[3]) : 1)
    }
    zeros = TrainingBuffer(count: deepest, persists: true)
    buffers.append(zeros)
  }

  /// Lowers every node.
  mutating func run() {
    for spec in graph.parameters { bind(spec.value, spec.shape) }
    for port in graph.inputs { bind(port.value, graph.type(of: port.value).shape) }
    let parameters = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.name, $0.value) })
    for port in graph.updates {
      guard let old = parameters[port.name], let producer = producer(of: port.value),
        (readers[old] ?? []).allSatisfy({ $0 <= producer }), places[port.value] == nil
      else { continue }
      places[port.value] = persistent[old]
    }
    for (index, node) in graph.nodes.enumerated() where !done.contains(index) { lower(index, node) }
    for port in graph.updates {
      guard let old = parameters[port.name], let target = persistent[old] else { continue }
      let source = stored(port.value)
      if source !== target { append(CopyWork(port.name, source, to: target)) }
    }
    // What a run returns must be there when it ends.
    for port in graph.outputs { stored(port.value).use(at: works.count) }
  }

  private mutating func bind(_ value: Value, _ shape: Shape) {
    let buffer = TrainingBuffer(count: max(shape.count, 1), persists: true)
    buffers.append(buffer)
    persistent[value] = buffer
    views[value] = TrainingView(
      stored: buffer, channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  private func producer(of value: Value) -> Int? {
    graph.nodes.firstIndex { $0.outputs.contains(value) }
  }

  // MARK: What lowerings are written with.

  static func channels(_ shape: Shape) -> Int { shape.rank == 0 ? 1 : max(shape[-1], 1) }
  static func pixels(_ shape: Shape) -> Int { shape.rank == 4 ? shape[1] * shape[2] : 1 }
  func shape(_ value: Value) -> Shape { graph.type(of: value).shape }
  /// Images of a value.
  func images(_ value: Value) -> Int { shape(value).rank >= 2 ? shape(value)[0] : 1 }

  mutating func append(_ work: TrainingWork) {
    for buffer in work.uses { buffer.use(at: works.count) }
    works.append(work)
  }

  mutating func buffer(_ count: Int) -> TrainingBuffer {
    let buffer = TrainingBuffer(count: max(count, 1))
    buffers.append(buffer)
    return buffer
  }

  /// `[chunks, 2, C]` doubles.
  mutating func totalsBuffer(_ chunks: Chunks, _ channels: Int) -> TrainingBuffer {
    buffer(chunks.count * 2 * channels * 2)
  }

  var zeroBuffer: TrainingBuffer { zeros }

  /// A new tensor for a value, where its update belongs if it is one.
  mutating func define(_ value: Value) -> TrainingBuffer {
    let result = places[value] ?? buffer(shape(value).count)
    define(value, as: result)
    return result
  }

  mutating func define(_ value: Value, as buffer: TrainingBuffer) {
    let shape = shape(value)
    views[value] = TrainingView(
      stored: buffer, channels: Self.channels(shape), pixels: Self.pixels(shape))
  }

  /// What a value is.
  func view(_ value: Value) -> TrainingView {
    views[value] ?? TrainingView(stored: zeros, channels: 1, pixels: 1)
  }

  /// A value as a tensor; a view is stored now, once for all who ask.
  mutating func stored(_ value: Value) -> TrainingBuffer {
    let view = view(value)
    if let stored = view.stored { return stored }
    let target = define(value)
    append(StoreWork("store", view, target, chunks: Chunks(images: rows(value))))
    return target
  }

  /// Images of a feature map; rows of anything else.
  func rows(_ value: Value) -> Int {
    let shape = shape(value)
    return shape.rank == 4 ? shape[0] : shape.count / Self.channels(shape)
  }

  /// Whether nothing but nodes needs a value, and only one of them does.
  func soleReader(_ value: Value) -> Int? {
    guard let all = readers[value], all.count == 1, !kept.contains(value) else { return nil }
    return all[0]
  }

  func isRead(_ value: Value) -> Bool { readers[value] != nil || kept.contains(value) }

  /// The weights that a layer reads: a parameter, and not a result of something.
  func parameter(_ value: Value) -> TrainingBuffer? { specs[value] == nil ? nil : persistent[value] }

  /// The operation by its definition.
  mutating func fallBack(_ node: Node) {
    let inputs = node.inputs.map { (shape($0), stored($0)) }
    // Never in the place of something that it reads.
    let outputs = node.outputs.map { value in
      let result = buffer(shape(value).count)
      define(value, as: result)
      return result
    }
    append(ReferenceWork(node.label, node.operation, inputs, outputs))
  }
}
