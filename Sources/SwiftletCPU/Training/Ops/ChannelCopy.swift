// ChannelCopy.swift: concatenation, slices and zeros along the channels: copies with an offset.

import CKernels
import SwiftletGraph

/// Copies of channels.
enum ChannelCopyLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    let outputs = TrainingLowering.channels(lowering.shape(node.outputs[0]))
    switch node.operation {
    case let operation as PadChannels:
      let x = try lowering.prologue(node.inputs[0])
      append(node, x, to: operation.before, of: outputs, isAlone: true, in: &lowering)
    case is Concatenate:
      let parts = try node.inputs.map { try lowering.prologue($0) }
      let target = lowering.define(node.outputs[0])
      var offset = 0
      for x in parts {
        lowering.append(
          ChannelInsertOp(
            node.label, x, target, offset: offset, channels: outputs, isAlone: false,
            shards: Shards(images: lowering.rows(node.outputs[0]))))
        offset += x.channels
      }
    case let operation as SliceChannels:
      let x = try lowering.stored(node.inputs[0])
      lowering.append(
        ChannelSliceOp(
          node.label, x, lowering.define(node.outputs[0]),
          pixels: lowering.shape(node.outputs[0]).count / max(outputs, 1), offset: operation.start))
    default: return false
    }
    return true
  }

  private static func append(
    _ node: Node, _ x: Prologue, to offset: Int, of channels: Int, isAlone: Bool,
    in lowering: inout TrainingLowering
  ) {
    lowering.append(
      ChannelInsertOp(
        node.label, x, lowering.define(node.outputs[0]), offset: offset, channels: channels,
        isAlone: isAlone, shards: Shards(images: lowering.rows(node.outputs[0]))))
  }
}

/// Channels of something that is computed on the way, at an offset among the channels of a tensor.
final class ChannelInsertOp: TrainingOp {
  let resources: OpResources
  private let x: Prologue
  private let target: TrainingBuffer
  private let offset: Int, channels: Int
  private let isAlone: Bool
  private let shards: Shards

  /// - Parameters:
  ///   - channels: of the target.
  ///   - isAlone: whether the target's other channels become zeros.
  init(
    _ label: String, _ x: Prologue, _ target: TrainingBuffer, offset: Int, channels: Int, isAlone: Bool,
    shards: Shards
  ) {
    (self.x, self.target, self.offset, self.channels) = (x, target, offset, channels)
    (self.isAlone, self.shards) = (isAlone, shards)
    resources = OpResources(label, uses: x.buffers + [target])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for shard in shards.partition(of: worker, workers) {
      let pixels = shards.pixels(shard, each: x.pixels)
      let first = target.pointer + pixels.lowerBound * channels
      if isAlone { first.update(repeating: 0, count: pixels.count * channels) }
      x.evaluate(
        context, pixels.lowerBound, pixels.upperBound, into: first + offset, stride: channels)
    }
  }
}

/// Some neighboring channels of a tensor.
final class ChannelSliceOp: TrainingOp {
  let resources: OpResources
  private let x: TrainingBuffer, y: TrainingBuffer
  private let pixels: Int, offset: Int

  /// - Parameters:
  ///   - pixels: of the whole batch.
  ///   - offset: the first channel in x.
  init(_ label: String, _ x: TrainingBuffer, _ y: TrainingBuffer, pixels: Int, offset: Int) {
    (self.x, self.y, self.pixels, self.offset) = (x, y, pixels, offset)
    resources = OpResources(label, uses: [x, y])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (inputs, outputs) = (x.count / pixels, y.count / pixels)
    for pixel in Range.partition(pixels, of: worker, workers) {
      (y.pointer + pixel * outputs).update(from: x.pointer + pixel * inputs + offset, count: outputs)
    }
  }
}
