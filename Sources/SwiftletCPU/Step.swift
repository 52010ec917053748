// Step.swift: what a plan does, one after the other: kernel calls with places instead of pointers.

import CKernels
import SwiftletGraph

/// Where a tensor's floats are in a session: an index into the arena. Values that are never alive together share places.
struct Place: Sendable, Hashable {
  /// Floats from the start of the arena.
  var offset: Int
}

/// Where packed weights and biases are: an index into the plan's blob, in floats.
typealias BlobOffset = Int

/// What is done to a result before it is stored.
struct Epilogue: Sendable {
  var bias: BlobOffset?
  var residual: Value?
  var activation: ActivationFunction?
}

/// The work of a step, on values of the graph.
enum StepKind: Sendable {
  /// Rows × depth times depth × columns: pointwise convolutions and linear layers.
  case gemm(rows: Int, depth: Int, columns: Int, weights: BlobOffset, Epilogue)
  /// A convolution of each image and group as an indirect product.
  case convolution(ConvolutionStep)
  /// A dense 3 × 3 convolution of each image, by Winograd's minimal filtering.
  case winograd(WinogradStep)
  /// A depthwise convolution of each image.
  case depthwise(window: Window, weights: BlobOffset, Epilogue)
  /// Expansion, depthwise convolution and projection in row strips.
  case block(BlockStep)
  /// A max or average pool of each image.
  case pool(window: Window, isMax: Bool)
  /// `[N, H, W, C]` → `[N, C]`.
  case globalPool
  /// An activation by itself.
  case activate(ActivationFunction)
  /// A sum by itself.
  case add(ActivationFunction?)
  /// The gate of squeeze-and-excite.
  case channelScale
  /// Anything without a fast path: the operation's own definition, on one thread.
  case reference(any SwiftletGraph.Operation)
}

/// A dense or grouped convolution.
struct ConvolutionStep: Sendable {
  var groups: Int
  var taps: Int, groupInputs: Int, groupOutputs: Int
  /// Packed weights of the first group, and floats from group to group.
  var weights: BlobOffset, weightStride: Int
  /// `[output pixels][taps]` for one image.
  var offsets: [Int32]
  /// The pixels that need no offsets.
  var regular: sk_regular
  var epilogue: Epilogue
}

/// A step of a plan.
struct Step: Sendable {
  /// The labels of the nodes that became this step.
  var labels: [String]
  var kind: StepKind
  /// What is read, the residual excepted.
  var inputs: [Value]
  /// What is written.
  var outputs: [Value]

  /// Everything that is read.
  var reads: [Value] {
    switch kind {
    case .gemm(_, _, _, _, let epilogue), .depthwise(_, _, let epilogue):
      inputs + [epilogue.residual].compactMap { $0 }
    case .convolution(let step): inputs + [step.epilogue.residual].compactMap { $0 }
    case .winograd(let step): inputs + [step.epilogue.residual].compactMap { $0 }
    case .block(let step): inputs + [step.project.epilogue.residual].compactMap { $0 }
    default: inputs
    }
  }

  /// Floats of scratch that each part needs while the step runs.
  var scratch: Int {
    switch kind {
    case .block(let step): step.scratch.expanded + step.scratch.filtered
    case .winograd(let step): step.scratch
    default: 0
    }
  }

  /// The word for it in dumps.
  var name: String {
    switch kind {
    case .gemm: "gemm"
    case .convolution: "convolution"
    case .winograd: "winograd"
    case .depthwise: "depthwise"
    case .block(let step): step.expand == nil ? "separable block" : "inverted residual"
    case .pool(_, let isMax): isMax ? "maxPool" : "averagePool"
    case .globalPool: "globalPool"
    case .activate: "activate"
    case .add: "add"
    case .channelScale: "channelScale"
    case .reference(let operation): "reference \(type(of: operation).name)"
    }
  }
}
