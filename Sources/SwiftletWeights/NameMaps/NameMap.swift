// NameMap.swift: the names and layouts of our networks' parameters in another library.

import SwiftletGraph

/// The names of a layer in another library: that of its weight and bias, and that of its batch norm.
struct SourceLayer {
  /// The prefix of `.weight` and `.bias`.
  let layer: String
  /// The prefix of the norm's `.weight`, `.bias`, `.running_mean` and `.running_var`.
  let norm: String

  init(_ layer: String, _ norm: String = "") {
    self.layer = layer
    self.norm = norm
  }
}

/// An explicit rule from our parameters' names to those of a PyTorch library's state dict.
///
/// PyTorch stores kernels as `[O, I / groups, k, k]` and linear weights as `[O, I]`; both are transposed to ours. To add
/// a map, write a value and name it in ``all``.
package struct NameMap: Sendable {
  /// Its name: `torchvision.mobilenet_v2`.
  package let name: String
  /// Rows and columns that were flattened in channel-major order before the first hidden layer (VGG: 7).
  let flattened: Int?
  private let rule: @Sendable (LayerPath, NetworkLayers) -> SourceLayer?

  init(
    _ name: String, flattened: Int? = nil,
    rule: @escaping @Sendable (LayerPath, NetworkLayers) -> SourceLayer?
  ) {
    self.name = name
    self.flattened = flattened
    self.rule = rule
  }

  /// Every map.
  package static let all: [NameMap] = [
    .torchvisionMobileNetV2, .torchvisionMobileNetV3, .torchvisionResNet, .torchvisionVGG,
    .timmMobileNet, .timmSEResNet, .timmLegacySENet, .huggingFaceMobileNetV1, .huggingFaceMobileNetV2,
    .huggingFaceResNet,
  ]

  /// The source of a parameter of the graph: its name there, and its shape there.
  package struct Source: Sendable, Hashable {
    /// The name in the state dict.
    package let name: String
    /// The parameter of ours.
    package let parameter: ParameterSpec
    /// The shape in the state dict.
    package let shape: Shape
  }

  /// The source of each parameter of a network, in the graph's order.
  ///
  /// - Returns: `nil` where the network has a layer that this library has no name for.
  package func sources(for graph: Graph) -> [Source]? {
    let layers = NetworkLayers(graph)
    var sources: [Source] = []
    for (spec, path, leaf) in layers.parameters {
      guard let source = rule(path, layers) else { return nil }
      let name: String
      switch spec.role {
      case .normScale: name = source.norm + ".weight"
      case .normOffset: name = source.norm + ".bias"
      case .normMean: name = source.norm + ".running_mean"
      case .normVariance: name = source.norm + ".running_var"
      case .state: return nil
      case .convolution, .depthwise, .linear, .gate, .bias: name = "\(source.layer).\(leaf)"
      }
      sources.append(Source(name: name, parameter: spec, shape: spec.sourceShape))
    }
    return sources
  }

  /// The differences of a state dict from a network: names that are missing, of another shape, or left over.
  ///
  /// `num_batches_tracked` counters are ignored. A linear layer may be stored as a 1×1 convolution and the reverse.
  ///
  /// - Returns: `nil` where the network has a layer that this library has no name for.
  package func problems(for graph: Graph, in tensors: NamedTensors) -> [ParametersError.Problem]? {
    guard let sources = sources(for: graph) else { return nil }
    var problems: [ParametersError.Problem] = []
    for source in sources {
      let found = tensors[source.name]?.shape
      if found?.droppingUnitKernel != source.shape.droppingUnitKernel {
        problems.append(.init(name: source.name, expected: source.shape, found: found))
      }
    }
    let known = Set(sources.map(\.name))
    for (name, tensor) in tensors where !known.contains(name) && !name.hasSuffix("num_batches_tracked") {
      problems.append(.init(name: name, expected: nil, found: tensor.shape))
    }
    return problems
  }

  /// The parameters of a network, read from a state dict and laid out as ours.
  ///
  /// - Parameters:
  ///   - graph: the network, in its inference form.
  ///   - tensors: the state dict.
  /// - Throws: ``ParametersError`` with the names that are missing, left over or of another shape.
  package func parameters(for graph: Graph, in tensors: NamedTensors) throws -> Parameters {
    guard let sources = sources(for: graph), let problems = problems(for: graph, in: tensors) else {
      throw ParametersError(network: "\(graph.name) as \(name) names it", problems: [])
    }
    if !problems.isEmpty { throw ParametersError(network: graph.name, problems: problems) }
    return try parameters(
      from: sources.compactMap { source in tensors[source.name].map { (source.parameter, $0) } })
  }

  /// Parameters from the tensors that hold them, laid out as ours.
  ///
  /// - Parameter found: each parameter with a tensor of its shape in PyTorch's layout.
  /// - Throws: never in practice: each tensor has its parameter's count.
  package func parameters(from found: [(parameter: ParameterSpec, tensor: Tensor)]) throws -> Parameters {
    // The first linear layer after the flattened map.
    let first = found.first { $0.parameter.role == .linear }?.parameter.name
    let flattened = flattened
    // Each tensor is laid out by itself, so all of them at once.
    let converted = try ThreadPool.map(found.count) { index in
      let (parameter, tensor) = found[index]
      return try parameter.fromPyTorch(tensor, flattened: parameter.name == first ? flattened : nil)
    }
    var parameters = Parameters()
    for ((parameter, _), tensor) in zip(found, converted) { parameters[parameter.name] = tensor }
    return parameters
  }
}

extension Shape {
  /// `[O, I, 1, 1]` and `[O, I]` are the same weights.
  package var droppingUnitKernel: Shape {
    rank == 4 && self[2] == 1 && self[3] == 1 ? [self[0], self[1]] : self
  }
}

extension ParameterSpec {
  /// The shape that PyTorch gives this parameter.
  fileprivate var sourceShape: Shape {
    switch role {
    case .convolution: [shape[3], shape[2], shape[0], shape[1]]
    case .depthwise: [shape[2], 1, shape[0], shape[1]]
    case .linear, .gate: [shape[1], shape[0]]
    case .bias, .normScale, .normOffset, .normMean, .normVariance, .state: shape
    }
  }

  /// A PyTorch tensor of ``sourceShape`` in our layout, as 32-bit floats.
  fileprivate func fromPyTorch(_ tensor: Tensor, flattened: Int?) throws -> Tensor {
    // [O, M, K] → [K, M, O], where M and K are 1 for a missing dimension.
    let (outer, middle, inner): (Int, Int, Int)
    switch role {
    case .bias, .normScale, .normOffset, .normMean, .normVariance, .state:
      (outer, middle, inner) = (shape.count, 1, 1)
    case .convolution: (outer, middle, inner) = (shape[3], shape[2], shape[0] * shape[1])
    case .depthwise: (outer, middle, inner) = (shape[2], 1, shape[0] * shape[1])
    case .linear, .gate:
      // [O, I] → [I, O]; where I is a flattened [C, H·W], → [H·W, C, O].
      let pixels = flattened.map { $0 * $0 } ?? 1
      let channels = shape[0] % pixels == 0 ? shape[0] / pixels : shape[0]
      (outer, middle, inner) = (shape[1], channels, shape[0] / max(channels, 1))
    }
    return try Tensor(
      shape: shape,
      writingFloats: { result in
        tensor.withFloats { transpose($0, to: result, outer: outer, middle: middle, inner: inner) }
      })
  }
}

/// `[outer, middle, inner]` → `[inner, middle, outer]`, in tiles that keep both sides in the cache.
private func transpose(
  _ values: UnsafeBufferPointer<Float>, to result: UnsafeMutableBufferPointer<Float>, outer: Int, middle: Int,
  inner: Int
) {
  let tile = 16
  for i in 0..<inner {
    for firstMiddle in Swift.stride(from: 0, to: middle, by: tile) {
      for firstOuter in Swift.stride(from: 0, to: outer, by: tile) {
        for m in firstMiddle..<min(firstMiddle + tile, middle) {
          for o in firstOuter..<min(firstOuter + tile, outer) {
            result[(i * middle + m) * outer + o] = values[(o * middle + m) * inner + i]
          }
        }
      }
    }
  }
}
