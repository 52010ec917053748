// PoolWork.swift: maxima and means over windows, and channels that come and go: what residual networks have beside convolutions.

import CKernels
import SwiftletGraph

/// Maximum or mean over a window.
final class WindowPoolWork: TrainingWork {
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
    super.init(label, uses: [x, y])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    for image in Range.share(input[0], of: part, parts) {
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
final class WindowPoolGradientWork: TrainingWork {
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
    super.init(label, uses: [x, dy, dx])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let (height, width, channels) = (input[1], input[2], input[3])
    for image in Range.share(input[0], of: part, parts) {
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

/// Some channels of x to some channels of y, whose others become zeros.
final class ChannelRangeWork: TrainingWork {
  private let x: TrainingBuffer, y: TrainingBuffer
  private let pixels: Int, from: Int, to: Int, count: Int

  /// - Parameters:
  ///   - pixels: of the whole batch.
  ///   - from: the first channel in x.
  ///   - to: the first channel in y.
  init(
    _ label: String, _ x: TrainingBuffer, _ y: TrainingBuffer, pixels: Int, from: Int, to: Int, count: Int
  ) {
    (self.x, self.y, self.pixels) = (x, y, pixels)
    (self.from, self.to, self.count) = (from, to, count)
    super.init(label, uses: [x, y])
  }

  override func run(_ context: WorkContext, part: Int, parts: Int) {
    let (inputs, outputs) = (x.count / pixels, y.count / pixels)
    for pixel in Range.share(pixels, of: part, parts) {
      let target = y.pointer + pixel * outputs
      target.update(repeating: 0, count: to)
      (target + to).update(from: x.pointer + pixel * inputs + from, count: count)
      (target + to + count).update(repeating: 0, count: outputs - to - count)
    }
  }
}
