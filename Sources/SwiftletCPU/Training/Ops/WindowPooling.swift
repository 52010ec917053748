// WindowPooling.swift: maxima and means over windows, and their gradients.

import CKernels
import SwiftletGraph

/// Pools over windows.
enum WindowPoolingLowering: TrainingOpLowering {
  static func lower(_ node: Node, at index: Int, in lowering: inout TrainingLowering) throws -> Bool {
    switch node.operation {
    case let operation as MaxPool: try pool(node, operation.window, isMax: true, in: &lowering)
    case let operation as AveragePool: try pool(node, operation.window, isMax: false, in: &lowering)
    case let operation as MaxPoolGradient:
      let x = try lowering.stored(node.inputs[0])
      try gradient(node, operation.window, x: x, dy: node.inputs[1], in: &lowering)
    case let operation as AveragePoolGradient:
      try gradient(node, operation.window, x: nil, dy: node.inputs[0], in: &lowering)
    default: return false
    }
    return true
  }

  private static func pool(
    _ node: Node, _ window: Window, isMax: Bool, in lowering: inout TrainingLowering
  ) throws {
    let x = try lowering.stored(node.inputs[0])
    lowering.append(
      WindowPoolOp(
        node.label, x, lowering.define(node.outputs[0]), window, input: lowering.shape(node.inputs[0]),
        output: lowering.shape(node.outputs[0]), isMax: isMax))
  }

  private static func gradient(
    _ node: Node, _ window: Window, x: TrainingBuffer?, dy value: Value, in lowering: inout TrainingLowering
  ) throws {
    let dy = try lowering.stored(value)
    lowering.append(
      WindowPoolGradientOp(
        node.label, x: x, dy: dy, dx: lowering.define(node.outputs[0]), window,
        input: lowering.shape(node.outputs[0]), output: lowering.shape(value)))
  }
}

/// Maximum or mean over a window.
final class WindowPoolOp: TrainingOp {
  let resources: OpResources
  private let x: TrainingBuffer, y: TrainingBuffer
  private let window: Window
  private let input: Shape, output: Shape
  private let isMax: Bool

  init(
    _ label: String, _ x: TrainingBuffer, _ y: TrainingBuffer, _ window: Window, input: Shape, output: Shape,
    isMax: Bool
  ) {
    (self.x, self.y, self.window) = (x, y, window)
    (self.input, self.output, self.isMax) = (input, output, isMax)
    resources = OpResources(label, uses: [x, y])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    for image in Range.partition(input[0], of: worker, workers) {
      var call = sk_pool(
        input: x.pointer + image * (x.count / input[0]), height: input[1], width: input[2],
        channels: input[3], kernel: window.kernel, stride: window.stride, pad_top: window.padding.top,
        pad_left: window.padding.left, output: y.pointer + image * (y.count / input[0]),
        output_height: output[1], output_width: output[2])
      if isMax {
        context.kernels.max_pool(&call, 0, output[1])
      } else {
        context.kernels.average_pool(&call, 0, output[1])
      }
    }
  }
}

/// The gradient of the maximum: to the first pixel that holds it. Of the mean: in equal parts to the pixels inside.
final class WindowPoolGradientOp: TrainingOp {
  let resources: OpResources
  private let x: TrainingBuffer?, dy: TrainingBuffer, dx: TrainingBuffer
  private let window: Window
  private let input: Shape, output: Shape

  /// - Parameter x: the maximum's input; `nil` for the mean.
  init(
    _ label: String, x: TrainingBuffer?, dy: TrainingBuffer, dx: TrainingBuffer, _ window: Window,
    input: Shape, output: Shape
  ) {
    (self.x, self.dy, self.dx) = (x, dy, dx)
    (self.window, self.input, self.output) = (window, input, output)
    resources = OpResources(label, uses: [x, dy, dx])
  }

  func run(_ context: WorkerContext, worker: Int, of workers: Int) {
    let (height, width, channels) = (input[1], input[2], input[3])
    for image in Range.partition(input[0], of: worker, workers) {
      let target = dx.pointer + image * height * width * channels
      target.update(repeating: 0, count: height * width * channels)
      let source = dy.pointer + image * output[1] * output[2] * channels
      for oy in 0..<output[1] {
        let (y0, y1) = bounds(oy, window.padding.top, height)
        for ox in 0..<output[2] {
          let (x0, x1) = bounds(ox, window.padding.left, width)
          let g = source + (oy * output[2] + ox) * channels
          if let x {
            let values = x.pointer + image * height * width * channels
            for c in 0..<channels {
              var best = (y0 * width + x0) * channels + c
              for y in y0..<y1 {
                for column in x0..<x1 {
                  let at = (y * width + column) * channels + c
                  if values[at] > values[best] { best = at }
                }
              }
              target[best] += g[c]
            }
          } else {
            let factor = 1 / Float((y1 - y0) * (x1 - x0))
            for y in y0..<y1 {
              for column in x0..<x1 {
                let place = target + (y * width + column) * channels
                for c in 0..<channels { place[c] += factor * g[c] }
              }
            }
          }
        }
      }
    }
  }

  private func bounds(_ o: Int, _ padding: Int, _ size: Int) -> (Int, Int) {
    let begin = o * window.stride - padding
    return (max(0, begin), min(size, begin + window.kernel))
  }
}
