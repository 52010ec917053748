// Lowering.swift: from a graph to steps: kernels for nodes, with activations and sums in their epilogues.

import CKernels
import SwiftletGraph

/// Turns a graph into steps and collects its weights. Fast paths are written with its methods.
struct Lowering {
  let graph: Graph
  let parameters: Parameters
  let kernels: sk_kernels
  let backend: CPUBackend
  /// The nodes that take images one at a time; `nil` where none do.
  let split: BatchSplit?
  /// The number of steps that compute those nodes.
  private(set) var perImageSteps = 0
  private(set) var steps: [any PlanStep] = []
  var blob = WeightBlob()
  /// Values that are another value's memory under another shape.
  private(set) var aliases: [Value: Value] = [:]
  /// Zeros in the blob, which taps outside an image read.
  private(set) var zeros: BlobOffset = 0

  private let specs: [Value: ParameterSpec]
  private let readers: [Value: [Int]]
  private let pinned: Set<Value>
  /// Values of nodes that take images one at a time.
  private var perImageValues: Set<Value> = []
  /// Nodes whose work is in an earlier step.
  private var fused: Set<Int> = []
  /// Values that exist when the node that is being lowered runs.
  private var defined: Set<Value>

  init(_ graph: Graph, _ parameters: Parameters, _ kernels: sk_kernels, _ backend: CPUBackend, threads: Int) {
    self.graph = graph
    self.parameters = parameters
    self.kernels = kernels
    self.backend = backend
    split = BatchSplit(graph, threads: threads)
    specs = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, $0) })
    var readers: [Value: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in node.inputs { readers[value, default: []].append(index) }
    }
    self.readers = readers
    pinned = Set((graph.outputs + graph.updates).map(\.value))
    defined = Set(graph.inputs.map(\.value))
    if split != nil { perImageValues = defined }
  }

  /// Lowers every node.
  ///
  /// - Throws: ``PlanError``.
  mutating func run() throws {
    let deepest = graph.nodes.reduce(1) { deepest, node in
      node.operation is Convolution ? max(deepest, graph.type(of: node.inputs[1]).shape[2]) : deepest
    }
    zeros = blob.reserve(byteCount: 4 * deepest)
    let perImage = split?.nodes ?? 0
    for (index, node) in graph.nodes.enumerated() {
      if index < perImage { perImageValues.formUnion(node.outputs) }
      if !fused.contains(index) {
        switch try lower(node) {
        case .step(let step):
          if index < perImage { perImageValues.formUnion(step.writes) }
          steps.append(step)
          defined.formUnion(step.writes)
        case .alias(let value):
          aliases[node.outputs[0]] = value
          defined.formUnion(node.outputs)
        }
      }
      // A step of these nodes may have taken later nodes as well; it is one of these steps all the same.
      if index < perImage { perImageSteps = steps.count }
    }
  }

  private mutating func lower(_ node: Node) throws -> Lowered {
    if (node.inputs + node.outputs).allSatisfy({ graph.type(of: $0).scalarType == .float32 }) {
      for path in FastPaths.all where path.takes(node.operation) {
        if let lowered = try path.lower(node, &self) { return lowered }
      }
    }
    return .step(ReferenceStep(node, self))
  }

  /// Steps with neighboring ones fused.
  ///
  /// - Parameter keeping: values that must exist as a whole.
  func fused(_ steps: ArraySlice<any PlanStep>, keeping: [Value]) -> [any PlanStep] {
    let kept = Set(keeping)
    var readers: [Value: Int] = [:]
    for value in steps.flatMap(\.reads) { readers[value, default: 0] += 1 }
    var result: [any PlanStep] = []
    var rest = steps
    while let next = rest.first {
      let fusion = FastPaths.fusions.lazy.compactMap {
        $0.fuse(rest, isPrivate: { readers[$0] == 1 && !kept.contains($0) }, self)
      }.first
      result.append(fusion?.step ?? next)
      rest = rest.dropFirst(fusion?.count ?? 1)
    }
    return result
  }
}

// MARK: Helpers of fast paths

extension Lowering {
  /// The value whose memory a value is.
  func root(_ value: Value) -> Value {
    var value = value
    while let other = aliases[value] { value = other }
    return value
  }

  /// A value's shape as the steps see it: of one image, where images are taken one at a time.
  func shape(_ value: Value) -> Shape {
    let shape = graph.type(of: value).shape
    guard let split, perImageValues.contains(value) else { return shape }
    return Shape([shape[0] / split.images] + shape.dimensions.dropFirst())
  }

  /// Whether a value is an input or a node's result, not a parameter.
  func isComputed(_ value: Value) -> Bool { specs[value] == nil }

  /// A parameter's tensor; `nil` where the value is not one.
  func weights(_ value: Value) -> Tensor? { specs[value].flatMap { parameters[$0.name] } }

  /// The weight of a layer, where its input is computed and its weight and bias are parameters.
  func layerWeight(_ node: Node) -> Tensor? {
    guard isComputed(node.inputs[0]), node.inputs.count < 3 || specs[node.inputs[2]] != nil else {
      return nil
    }
    return weights(node.inputs[1])
  }

  /// A layer's bias, and the sum and the activation that alone read its result.
  ///
  /// - Returns: the epilogue, the value that is stored in the end, and the labels of all nodes that the step computes.
  mutating func epilogue(of node: Node) -> (epilogue: Epilogue, output: Value, labels: [String]) {
    var epilogue = Epilogue()
    var (output, labels) = (node.outputs[0], [node.label])
    if node.inputs.count == 3, let bias = weights(node.inputs[2]) {
      epilogue.bias = blob.reserve(bias.count, of: Float.self) { destination in
        bias.withFloats { source in
          if let start = source.baseAddress { destination.update(from: start, count: source.count) }
        }
      }
    }
    epilogue.activation = takeActivation(&output, &labels)
    if epilogue.activation == nil, let index = soleReader(output), graph.nodes[index].operation is Add {
      let add = graph.nodes[index]
      let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0]
      if other != output, defined.contains(other) {
        epilogue.residual = other
        take(index, &output, &labels)
        epilogue.activation = takeActivation(&output, &labels)
      }
    }
    return (epilogue, output, labels)
  }

  /// Takes the activation that alone reads `output`, which becomes its result.
  mutating func takeActivation(_ output: inout Value, _ labels: inout [String]) -> ActivationFunction? {
    guard let index = soleReader(output), let activation = graph.nodes[index].operation as? Activation else {
      return nil
    }
    take(index, &output, &labels)
    return activation.function
  }

  private mutating func take(_ index: Int, _ output: inout Value, _ labels: inout [String]) {
    fused.insert(index)
    if perImageValues.contains(output) { perImageValues.insert(graph.nodes[index].outputs[0]) }
    output = graph.nodes[index].outputs[0]
    labels.append(graph.nodes[index].label)
  }

  /// The one node that reads a value, if nothing else needs it.
  private func soleReader(_ value: Value) -> Int? {
    guard let all = readers[value], all.count == 1, !pinned.contains(value) else { return nil }
    return all[0]
  }

  /// Packs `[depth][columns]` for the product kernel, in the backend's precision.
  mutating func packProduct(_ weight: Tensor, depth: Int, columns: Int) -> PackedMatrix {
    let (pack, count) = (kernels.gemm_pack, kernels.gemm_packed_count(depth, columns))
    guard backend.weightPrecision == .half, depth <= kernels.f16_depth else {
      let offset = blob.reserve(count, of: Float.self) { destination in
        weight.withFloats { pack?($0.baseAddress, columns, depth, columns, destination) }
      }
      return PackedMatrix(offset: offset, format: .float32)
    }
    let round = kernels.f16_pack
    let offset = blob.reserve(count, of: UInt16.self) { destination in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { packed in
        weight.withFloats { pack?($0.baseAddress, columns, depth, columns, packed.baseAddress) }
        round?(packed.baseAddress, count, destination)
      }
    }
    return PackedMatrix(offset: offset, format: .float16)
  }
}
