// CopyChannelsStep.swift: channels that are joined, sliced or padded with zeros: copies of part of each pixel.

import CKernels
import SwiftletGraph

/// Copies channels of some values to channels of one; channels that no copy covers are zeros.
struct CopyChannelsStep: PlanStep {
  /// Neighboring channels of one value.
  struct Part: Sendable {
    let input: Value
    /// The first channel that is read, the first that is written, and how many.
    let from: Int, to: Int, count: Int
  }

  let labels: [String]
  let name: String
  let parts: [Part]
  let output: Value

  var reads: [Value] { parts.map(\.input) }
  var writes: [Value] { [output] }
  func allowsPaddedPixels(of value: Value) -> Bool { true }

  func bind(_ memory: StepMemory) -> any BoundStep {
    let shape = memory.shape(output)
    let copies = parts.map { part in
      Bound.Copy(
        source: UnsafePointer(memory.floats(part.input)) + part.from, stride: memory.pixelStride(part.input),
        to: part.to, count: part.count)
    }
    return Bound(
      copies, gaps: gaps(shape[-1]), y: memory.floats(output), stride: memory.pixelStride(output),
      pixels: shape.count / max(shape[-1], 1))
  }

  /// The channels of the result that no part covers.
  private func gaps(_ channels: Int) -> [Range<Int>] {
    var gaps: [Range<Int>] = []
    var end = 0
    for part in parts {
      if part.to > end { gaps.append(end..<part.to) }
      end = part.to + part.count
    }
    if channels > end { gaps.append(end..<channels) }
    return gaps
  }

  private final class Bound: BoundStep {
    struct Copy {
      let source: UnsafePointer<Float>
      let stride: Int, to: Int, count: Int
    }

    private let copies: [Copy]
    private let gaps: [Range<Int>]
    private let y: UnsafeMutablePointer<Float>
    private let stride: Int, pixels: Int

    init(_ copies: [Copy], gaps: [Range<Int>], y: UnsafeMutablePointer<Float>, stride: Int, pixels: Int) {
      (self.copies, self.gaps, self.y, self.stride, self.pixels) = (copies, gaps, y, stride, pixels)
    }

    func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
      for pixel in Range.partition(pixels, of: worker, workers) {
        let target = y + pixel * stride
        for copy in copies {
          (target + copy.to).update(from: copy.source + pixel * copy.stride, count: copy.count)
        }
        for gap in gaps { (target + gap.lowerBound).update(repeating: 0, count: gap.count) }
      }
    }
  }
}

extension CopyChannelsStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool {
    operation is Concatenate || operation is SliceChannels || operation is PadChannels
  }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    guard node.inputs.allSatisfy(lowering.isComputed) else { return nil }
    let channels = node.inputs.map { lowering.shape($0)[-1] }
    var parts: [Part] = []
    switch node.operation {
    case is Concatenate:
      var end = 0
      for (value, count) in zip(node.inputs, channels) {
        parts.append(Part(input: value, from: 0, to: end, count: count))
        end += count
      }
    case let slice as SliceChannels:
      parts = [Part(input: node.inputs[0], from: slice.start, to: 0, count: slice.count)]
    case let pad as PadChannels:
      parts = [Part(input: node.inputs[0], from: 0, to: pad.before, count: channels[0])]
    default: return nil
    }
    return .step(
      Self(labels: [node.label], name: type(of: node.operation).name, parts: parts, output: node.outputs[0]))
  }
}
