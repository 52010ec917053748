// Lowering.swift: from a graph to steps: which kernel does which nodes' work, with activations and sums in its store.

import CKernels
import SwiftletGraph

/// Turns a graph into steps and packs its weights.
struct Lowering {
  let graph: Graph
  let parameters: Parameters
  let kernels: sk_kernels
  let backend: CPUBackend
  /// The matrices that are in half precision.
  private(set) var halves: Set<BlobOffset> = []
  /// Images of a batch that are taken one at a time by the first `apart` nodes; 1 where none are.
  let images: Int
  private let apart: Int
  /// Values that those nodes read and write.
  private let apartValues: Set<Value>
  /// How many of the steps do their work.
  private(set) var apartSteps = 0
  var steps: [Step] = []
  var blob = WeightBlob()
  /// Values that are another value's memory under another shape.
  private(set) var aliases: [Value: Value] = [:]

  private let specs: [Value: ParameterSpec]
  private let readers: [Value: [Int]]
  private let kept: Set<Value>
  /// Nodes whose work is in an earlier step.
  private var fused: Set<Int> = []
  /// Values that exist when the node that is being lowered runs.
  private var defined: Set<Value>
  /// Zeros that taps outside an image read.
  private(set) var zeros: BlobOffset = 0

  init(_ graph: Graph, _ parameters: Parameters, _ kernels: sk_kernels, _ backend: CPUBackend, threads: Int) {
    self.graph = graph
    let batch = Batch.apart(graph, threads: threads)
    images = batch?.images ?? 1
    apart = batch?.nodes ?? 0
    apartValues = Set(
      batch == nil ? [] : graph.inputs.map(\.value) + graph.nodes[..<apart].flatMap(\.outputs))
    self.parameters = parameters
    self.kernels = kernels
    self.backend = backend
    specs = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.value, $0) })
    var readers: [Value: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for value in node.inputs { readers[value, default: []].append(index) }
    }
    self.readers = readers
    kept = Set((graph.outputs + graph.updates).map(\.value))
    defined = Set(graph.inputs.map(\.value))
  }

  /// Lowers every node.
  mutating func run() {
    let deepest = graph.parameters.reduce(1) { max($0, $1.role == .convolution ? $1.shape[2] : 1) }
    zeros = blob.reserve(deepest) { _ in }
    for (index, node) in graph.nodes.enumerated() where !fused.contains(index) {
      if index == apart { apartSteps = steps.count }
      let step = lower(node)
      if let step { steps.append(step) }
      defined.formUnion(step?.outputs ?? node.outputs)
    }
    if apart >= graph.nodes.count { apartSteps = steps.count }
  }

  /// Whether an operation has a fast path that does not care how many images there are.
  static func isPerImage(_ operation: any SwiftletGraph.Operation) -> Bool {
    operation is Convolution || operation is DepthwiseConvolution || operation is Linear
      || operation is Activation || operation is Add || operation is ChannelScale || operation is MaxPool
      || operation is AveragePool || operation is GlobalAveragePool || operation is Reshape
  }

  /// The value whose memory a value is.
  func root(_ value: Value) -> Value {
    var value = value
    while let other = aliases[value] { value = other }
    return value
  }

  /// A value's shape as the steps see it: of one image, where images are taken one at a time.
  func shape(_ value: Value) -> Shape {
    let shape = graph.type(of: value).shape
    guard apartValues.contains(value) else { return shape }
    return Shape([shape[0] / images] + (1..<shape.rank).map { shape[$0] })
  }

  private mutating func lower(_ node: Node) -> Step? {
    switch node.operation {
    case let operation as Convolution: return convolution(node, operation)
    case let operation as DepthwiseConvolution: return depthwise(node, operation)
    case is Linear: return linear(node)
    case let operation as Activation where isComputed(node.inputs[0]):
      return Step(
        labels: [node.label], kind: .activate(operation.function), inputs: node.inputs, outputs: node.outputs)
    case is Add where node.inputs.allSatisfy(isComputed):
      var labels = [node.label]
      var output = node.outputs[0]
      let activation = fuseActivation(&output, &labels)
      return Step(labels: labels, kind: .add(activation), inputs: node.inputs, outputs: [output])
    case is ChannelScale where node.inputs.allSatisfy(isComputed):
      return Step(labels: [node.label], kind: .channelScale, inputs: node.inputs, outputs: node.outputs)
    case let operation as MaxPool where isComputed(node.inputs[0]):
      return Step(
        labels: [node.label], kind: .pool(window: operation.window, isMax: true), inputs: node.inputs,
        outputs: node.outputs)
    case let operation as AveragePool where isComputed(node.inputs[0]):
      return Step(
        labels: [node.label], kind: .pool(window: operation.window, isMax: false), inputs: node.inputs,
        outputs: node.outputs)
    case is GlobalAveragePool where isComputed(node.inputs[0]):
      return Step(labels: [node.label], kind: .globalPool, inputs: node.inputs, outputs: node.outputs)
    case is Reshape where isComputed(node.inputs[0]):
      aliases[node.outputs[0]] = node.inputs[0]
      return nil
    default:
      return Step(
        labels: [node.label], kind: .reference(node.operation), inputs: node.inputs, outputs: node.outputs)
    }
  }

  private mutating func convolution(_ node: Node, _ operation: Convolution) -> Step? {
    let (input, kernel) = (shape(node.inputs[0]), shape(node.inputs[1]))
    // The kernels' offsets into an image are 32 bits.
    guard let weight = weights(node.inputs[1]), isComputed(node.inputs[0]), hasPlainBias(node),
      input[1] * input[2] * input[3] <= Int(Int32.max)
    else { return reference(node) }
    let window = operation.window
    var labels = [node.label]
    var output = node.outputs[0]
    let epilogue = self.epilogue(node, &output, &labels)
    if window.kernel == 1 && window.stride == 1 && operation.groups == 1 {
      let packed = packGemm(weight, depth: kernel[2], columns: kernel[3])
      return Step(
        labels: labels,
        kind: .gemm(
          rows: input[0] * input[1] * input[2], depth: kernel[2], columns: kernel[3], weights: packed,
          epilogue),
        inputs: [node.inputs[0]], outputs: [output])
    }
    if WinogradStep.applies(window, groups: operation.groups, input: input, output: shape(output), backend) {
      let (channels, columns) = (kernel[2], kernel[3])
      let stride = (kernels.gemm_packed_count(channels, columns) + 15) / 16 * 16
      let pack = kernels.winograd_pack
      let packed = blob.reserve(36 * stride) { destination in
        weight.withFloats { pack?($0.baseAddress, channels, columns, destination, stride) }
      }
      return Step(
        labels: labels,
        kind: .winograd(
          WinogradStep(
            channels: channels, columns: columns, padding: window.padding, weights: packed,
            weightStride: stride, output: shape(output), epilogue: epilogue)),
        inputs: [node.inputs[0]], outputs: [output])
    }
    let (groups, taps) = (operation.groups, window.kernel * window.kernel)
    let (groupInputs, groupOutputs) = (kernel[2], kernel[3] / groups)
    let count = kernels.gemm_packed_count(taps * groupInputs, groupOutputs)
    let stride = (count + 15) / 16 * 16
    let pack = kernels.gemm_pack
    let packed = blob.reserve(stride * groups) { destination in
      weight.withFloats { source in
        guard let base = source.baseAddress else { return }
        for group in 0..<groups {
          pack?(
            base + group * groupOutputs, kernel[3], taps * groupInputs, groupOutputs,
            destination + group * stride)
        }
      }
    }
    return Step(
      labels: labels,
      kind: .convolution(
        ConvolutionStep(
          groups: groups, taps: taps, groupInputs: groupInputs, groupOutputs: groupOutputs, weights: packed,
          weightStride: stride, offsets: Self.offsets(window, input, shape(output)),
          regular: Self.regular(window, input, shape(output), isDense: groups == 1), epilogue: epilogue)),
      inputs: [node.inputs[0]], outputs: [output])
  }

  private mutating func depthwise(_ node: Node, _ operation: DepthwiseConvolution) -> Step? {
    guard let weight = weights(node.inputs[1]), isComputed(node.inputs[0]), hasPlainBias(node) else {
      return reference(node)
    }
    let (kernel, channels) = (operation.window.kernel, shape(node.inputs[1])[2])
    let pack = kernels.depthwise_pack
    let packed = blob.reserve(kernels.depthwise_packed_count(kernel, channels)) { destination in
      weight.withFloats { pack?($0.baseAddress, kernel, channels, destination) }
    }
    var labels = [node.label]
    var output = node.outputs[0]
    let epilogue = self.epilogue(node, &output, &labels)
    return Step(
      labels: labels, kind: .depthwise(window: operation.window, weights: packed, epilogue),
      inputs: [node.inputs[0]], outputs: [output])
  }

  private mutating func linear(_ node: Node) -> Step? {
    guard let weight = weights(node.inputs[1]), isComputed(node.inputs[0]), hasPlainBias(node) else {
      return reference(node)
    }
    let (rows, size) = (shape(node.outputs[0])[0], shape(node.inputs[1]))
    let packed = packGemm(weight, depth: size[0], columns: size[1])
    var labels = [node.label]
    var output = node.outputs[0]
    let epilogue = self.epilogue(node, &output, &labels)
    return Step(
      labels: labels, kind: .gemm(rows: rows, depth: size[0], columns: size[1], weights: packed, epilogue),
      inputs: [node.inputs[0]], outputs: [output])
  }

  private func reference(_ node: Node) -> Step {
    Step(
      labels: [node.label], kind: .reference(node.operation), inputs: node.inputs, outputs: node.outputs)
  }

  /// The bias of a layer, and the sum and the activation that alone read its result; `output` becomes theirs.
  private mutating func epilogue(_ node: Node, _ output: inout Value, _ labels: inout [String]) -> Epilogue {
    var epilogue = Epilogue()
    if node.inputs.count == 3, let bias = weights(node.inputs[2]) {
      epilogue.bias = blob.reserve(bias.count) { destination in
        bias.withFloats {
          destination.update(from: $0.baseAddress ?? UnsafePointer(destination), count: $0.count)
        }
      }
    }
    epilogue.activation = fuseActivation(&output, &labels)
    if epilogue.activation == nil, let index = soleReader(output), graph.nodes[index].operation is Add {
      let add = graph.nodes[index]
      let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0]
      if other != output, defined.contains(other) || aliases[other] != nil {
        epilogue.residual = other
        take(index, &output, &labels)
        epilogue.activation = fuseActivation(&output, &labels)
      }
    }
    return epilogue
  }

  private mutating func fuseActivation(_ output: inout Value, _ labels: inout [String]) -> ActivationFunction?
  {
    guard let index = soleReader(output), let activation = graph.nodes[index].operation as? Activation else {
      return nil
    }
    take(index, &output, &labels)
    return activation.function
  }

  private mutating func take(_ index: Int, _ output: inout Value, _ labels: inout [String]) {
    fused.insert(index)
    output = graph.nodes[index].outputs[0]
    labels.append(graph.nodes[index].label)
  }

  /// The one node that reads a value, if nothing else needs it.
  private func soleReader(_ value: Value) -> Int? {
    guard let all = readers[value], all.count == 1, !kept.contains(value) else { return nil }
    return all[0]
  }

  private func isComputed(_ value: Value) -> Bool { specs[value] == nil }

  private func hasPlainBias(_ node: Node) -> Bool { node.inputs.count < 3 || specs[node.inputs[2]] != nil }

  /// A parameter's tensor; `nil` where the value is not one.
  private func weights(_ value: Value) -> Tensor? { specs[value].flatMap { parameters[$0.name] } }

  private mutating func packGemm(_ weight: Tensor, depth: Int, columns: Int) -> BlobOffset {
    let (pack, count) = (kernels.gemm_pack, kernels.gemm_packed_count(depth, columns))
    guard backend.weightPrecision == .half, depth <= kernels.half_depth else {
      return blob.reserve(count) { destination in
        weight.withFloats { pack?($0.baseAddress, columns, depth, columns, destination) }
      }
    }
    let round = kernels.half_pack
    let offset = blob.reserve((count + 1) / 2) { destination in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { packed in
        weight.withFloats { pack?($0.baseAddress, columns, depth, columns, packed.baseAddress) }
        round?(
          packed.baseAddress, count, UnsafeMutableRawPointer(destination).assumingMemoryBound(to: UInt16.self)
        )
      }
    }
    halves.insert(offset)
    return offset
  }

  /// For one image: where each output pixel's taps are, in floats from the image's start; −1 outside.
  private static func offsets(_ window: Window, _ input: Shape, _ output: Shape) -> [Int32] {
    let taps = window.kernel * window.kernel
    var offsets = [Int32](repeating: -1, count: output[1] * output[2] * taps)
    window.forEachTap(
      input: [1, input[1], input[2], input[3]], output: [1, output[1], output[2], output[3]]
    ) { inputPixel, tap, outputPixel in
      offsets[outputPixel * taps + tap] = Int32(truncatingIfNeeded: inputPixel * input[3])
    }
    return offsets
  }

  /// The output pixels whose taps are all inside the image; none where a pixel's channels are not all of the group's.
  private static func regular(_ window: Window, _ input: Shape, _ output: Shape, isDense: Bool) -> sk_regular
  {
    guard isDense else { return sk_regular() }
    func inside(_ size: Int, _ padding: Int, _ count: Int) -> (first: Int, end: Int) {
      let first = (padding + window.stride - 1) / window.stride
      let last = (size + padding - window.kernel) / window.stride
      return (min(first, count), max(min(last + 1, count), 0))
    }
    let rows = inside(input[1], window.padding.top, output[1])
    let columns = inside(input[2], window.padding.left, output[2])
    return sk_regular(
      width: output[2], top: rows.first, bottom: rows.end, left: columns.first, right: columns.end,
      pixel_stride: window.stride * input[3], tap_rows: window.kernel, tap_row_stride: input[2] * input[3])
  }
}
