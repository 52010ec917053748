// GroupedConvolution.swift: grouped convolutions in training, as dense ones of blocks of channels.
//
// Groups of ResNeXt and SENet-154 have 4 to 32 channels, fewer than a product needs to keep the multipliers busy. Some narrow groups
// together are one block, whose weights are those of the groups on its diagonal and zeros elsewhere.

import CKernels
import SwiftletGraph

/// Convolutions in groups.
enum GroupedConvolutionLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    if let operation = node.operation as? Convolution {
      guard operation.groups > 1 else { return false }
      let (input, output) = (lowering.shape(node.inputs[0]), lowering.shape(node.outputs[0]))
      let (x, weight, bias) = (
        try lowering.source(node.inputs[0]), try lowering.stored(node.inputs[1]), try lowering.bias(node)
      )
      let blocks = ChannelBlocks(groups: operation.groups, inputs: input[3], outputs: output[3])
      let geometry = DenseGeometry(operation.window, input: input, output: output, blocks: blocks.count)
      let diagonal = expand(node.label, weight, blocks, geometry, in: &lowering)
      let packed = pack(
        node.label, diagonal, geometry, taps: Array(0..<geometry.taps), isTransposed: false, in: &lowering)
      lowering.append(
        DenseForwardOp(
          node.label, geometry, x, packed: packed, zeros: lowering.zeros, bias: bias,
          lowering.outputStore(node.outputs[0]), shards: Shards(images: output[0])))
      return true
    }
    guard let layer = LayerGradients(node, at: index, in: lowering), !layer.isDepthwise, layer.groups > 1
    else { return false }
    let blocks = ChannelBlocks(groups: layer.groups, inputs: layer.input[3], outputs: layer.output[3])
    let geometry = DenseGeometry(
      layer.window, input: layer.input, output: layer.output, blocks: blocks.count)
    let operands = try lowering.operands(layer, partialCount: geometry.weights)
    var packed: [TrainingBuffer] = []
    if let weight = operands.weight {
      let diagonal = expand(node.label, weight, blocks, geometry, in: &lowering)
      packed = geometry.parities.map {
        pack(node.label, diagonal, geometry, taps: $0.taps, isTransposed: true, in: &lowering)
      }
    }
    lowering.append(
      DenseBackwardOp(node.label, geometry, operands, zeros: lowering.zeros, packed: packed))
    if let partial = operands.partial, let (label, gradient) = lowering.weightGradient(layer) {
      lowering.append(
        BlockReduceOp(
          label, blocks, taps: geometry.taps, partial: partial, gradient: gradient,
          shards: operands.shards.count))
    }
    return true
  }

  private static func expand(
    _ label: String, _ weight: TrainingBuffer, _ blocks: ChannelBlocks, _ geometry: DenseGeometry,
    in lowering: inout TrainingLowering
  ) -> TrainingBuffer {
    let diagonal = lowering.buffer(geometry.weights)
    lowering.append(BlockExpandOp(label, blocks, taps: geometry.taps, weight, diagonal: diagonal))
    return diagonal
  }

  private static func pack(
    _ label: String, _ diagonal: TrainingBuffer, _ geometry: DenseGeometry, taps: [Int], isTransposed: Bool,
    in lowering: inout TrainingLowering
  ) -> TrainingBuffer {
    let (depth, columns) =
      isTransposed
      ? (geometry.blockOutputs, geometry.blockInputs) : (geometry.blockInputs, geometry.blockOutputs)
    let count = lowering.kernels.gemm_packed_count(taps.count * depth, columns)
    let packed = lowering.buffer(geometry.blocks * wholeLines(count))
    if !taps.isEmpty {
      lowering.append(
        BlockPackOp(label, diagonal, packed: packed, geometry, taps: taps, isTransposed: isTransposed))
    }
    return packed
  }
}

/// Groups of channels, some of them together as a block.
struct ChannelBlocks {
  /// Groups of a block, and blocks.
  let groups: Int, count: Int
  /// Channels of a group.
  let groupInputs: Int, groupOutputs: Int

  /// Channels from which on a product of one block keeps the multipliers about as busy as it can.
  private static let wide = 16

  /// As many groups to a block as make it wide, of those numbers that divide the groups.
  init(groups: Int, inputs: Int, outputs: Int) {
    (groupInputs, groupOutputs) = (inputs / groups, outputs / groups)
    let most = max(1, Self.wide / max(groupInputs, groupOutputs))
    self.groups = (1...most).last { groups % $0 == 0 } ?? 1
    count = groups / self.groups
  }

  var inputs: Int { groups * groupInputs }
  var outputs: Int { groups * groupOutputs }
}

/// The weights `[taps, I / groups, O]` as `[blocks, taps, I, O]` of blocks, with zeros between different groups of a block.
final class BlockExpandOp: TrainingOp {
  let resources: OpResources
  private let blocks: ChannelBlocks
  private let taps: Int
  private let weight: TrainingBuffer, diagonal: TrainingBuffer

  init(
    _ label: String, _ blocks: ChannelBlocks, taps: Int, _ weight: TrainingBuffer, diagonal: TrainingBuffer
  ) {
    (self.blocks, self.taps, self.weight, self.diagonal) = (blocks, taps, weight, diagonal)
    resources = OpResources(label, uses: [weight, diagonal])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (inputs, outputs) = (blocks.groupInputs, blocks.groupOutputs)
    let all = blocks.count * blocks.outputs
    for block in Range.partition(blocks.count, of: worker, workers) {
      let target = diagonal.pointer + block * taps * blocks.inputs * blocks.outputs
      target.update(repeating: 0, count: taps * blocks.inputs * blocks.outputs)
      for tap in 0..<taps {
        for group in 0..<blocks.groups {
          for i in 0..<inputs {
            (target + (tap * blocks.inputs + group * inputs + i) * blocks.outputs + group * outputs).update(
              from: weight.pointer + (tap * inputs + i) * all + block * blocks.outputs + group * outputs,
              count: outputs)
          }
        }
      }
    }
  }
}

/// Packs the weights of each block for products.
final class BlockPackOp: TrainingOp {
  let resources: OpResources
  private let diagonal: TrainingBuffer, packed: TrainingBuffer
  private let geometry: DenseGeometry
  private let taps: [Int]
  private let isTransposed: Bool

  /// - Parameters:
  ///   - taps: those that take part, in the order in which the product reads them.
  ///   - isTransposed: from outputs to inputs, for a data gradient.
  init(
    _ label: String, _ diagonal: TrainingBuffer, packed: TrainingBuffer, _ geometry: DenseGeometry,
    taps: [Int], isTransposed: Bool
  ) {
    (self.diagonal, self.packed, self.geometry) = (diagonal, packed, geometry)
    (self.taps, self.isTransposed) = (taps, isTransposed)
    resources = OpResources(label, uses: [diagonal, packed])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (inputs, outputs) = (geometry.blockInputs, geometry.blockOutputs)
    let (depth, columns) = isTransposed ? (outputs, inputs) : (inputs, outputs)
    let panels = context.panels(columns)
    for block in Range.partition(geometry.blocks, of: worker, workers) {
      for (index, tap) in taps.enumerated() {
        context.training.pack(
          diagonal.pointer + (block * geometry.taps + tap) * inputs * outputs, isTransposed ? 1 : outputs,
          isTransposed ? outputs : 1, depth, columns,
          packed.pointer + block * (packed.count / geometry.blocks), taps.count * depth, index * depth, 0,
          panels)
      }
    }
  }
}

/// Adds the shards' partial gradients `[shards, blocks, taps, I, O]` of blocks in order, and takes the groups from the diagonals.
final class BlockReduceOp: TrainingOp {
  let resources: OpResources
  private let blocks: ChannelBlocks
  private let taps: Int, shards: Int
  private let partial: TrainingBuffer, gradient: TrainingBuffer

  init(
    _ label: String, _ blocks: ChannelBlocks, taps: Int, partial: TrainingBuffer, gradient: TrainingBuffer,
    shards: Int
  ) {
    (self.blocks, self.taps, self.shards) = (blocks, taps, shards)
    (self.partial, self.gradient) = (partial, gradient)
    resources = OpResources(label, uses: [partial, gradient])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (inputs, outputs) = (blocks.groupInputs, blocks.groupOutputs)
    let all = blocks.count * blocks.outputs
    let size = taps * blocks.inputs * blocks.outputs
    for block in Range.partition(blocks.count, of: worker, workers) {
      for tap in 0..<taps {
        for row in 0..<blocks.inputs {
          let (group, i) = (row / inputs, row % inputs)
          let target = gradient.pointer + (tap * inputs + i) * all + block * blocks.outputs + group * outputs
          let first =
            partial.pointer + block * size + (tap * blocks.inputs + row) * blocks.outputs + group * outputs
          target.update(from: first, count: outputs)
          for shard in 1..<max(shards, 1) {
            let next = first + shard * blocks.count * size
            for o in 0..<outputs { target[o] += next[o] }
          }
        }
      }
    }
  }
}
