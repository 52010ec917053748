// LayerProbe.swift: what a trained network's activations do on images, and the kernels of its first layer.

import SwiftletArchitectures
import SwiftletData

/// The values behind an activation function over some images.
package struct ActivationRecord: Sendable, Equatable {
  /// The path of the operation: `stages.2.1.expand.activation`.
  package let path: String
  /// Channels, and those of them whose values are zero in every pixel of every image.
  package let channels: Int, deadChannels: Int
  /// The share of values that are zero.
  package let zeros: Double
  /// Mean and standard deviation of the values.
  package let mean: Double, deviation: Double

  package init(
    path: String, channels: Int, deadChannels: Int, zeros: Double, mean: Double, deviation: Double
  ) {
    (self.path, self.channels, self.deadChannels) = (path, channels, deadChannels)
    (self.zeros, self.mean, self.deviation) = (zeros, mean, deviation)
  }
}

/// The layers of a trained network, for its report.
package struct LayerProbe: Sendable {
  /// The activations in the order of the network's depth.
  package var activations: [ActivationRecord] = []
  /// The kernels of the first convolution, where it sees images of three channels: one picture of tiles.
  package var kernels: RGBImage?

  package init() {}

  /// Images that a network is run on: enough for the shares of common channels.
  private static let images = 32

  /// Runs a network on the first images of a data set.
  ///
  /// - Throws: ``GraphError``, ``ParametersError`` where the weights are not the network's; the error of the first image where none
  ///   can be read.
  package init(
    _ network: NetworkDefinition, parameters: Parameters, backend: any Backend, images: any ImageDataset,
    preprocessing: Preprocessing
  ) throws {
    let graph = try network.graph(batch: 1)
    kernels = try StemWhitening(of: graph).flatMap { stem in
      try parameters[stem.name].flatMap { try Self.picture(of: $0.floats(), shape: stem.shape) }
    }
    var builder = GraphBuilder(extending: graph)
    var paths: [String] = []
    for node in graph.nodes where node.operation is Activation {
      builder.output("activation.\(paths.count)", node.outputs[0])
      paths.append(node.label)
    }
    guard !paths.isEmpty else { return }
    let plan = try backend.compile(try builder.finish(), parameters: parameters)
    var session = plan.makeSession()
    var sums = paths.map { _ in Sums() }
    var failure: (any Error)?
    for index in 0..<min(images.count, Self.images) {
      let input: Tensor
      do { input = try preprocessing.input(images.image(index)) } catch {
        failure = failure ?? error
        continue
      }
      let outputs = try session.run([input]).dropFirst(graph.outputs.count).prefix(paths.count)
      for (position, output) in outputs.enumerated() {
        output.withFloats { sums[position].add($0, channels: output.shape[-1]) }
      }
    }
    if let failure, sums.allSatisfy({ $0.count == 0 }) { throw failure }
    activations = zip(paths, sums).map { $1.record($0) }
  }

  /// Sums over an activation's values.
  private struct Sums {
    var count = 0, zeros = 0
    var sum = 0.0, squares = 0.0
    var isAlive: [Bool] = []

    mutating func add(_ values: UnsafeBufferPointer<Float>, channels: Int) {
      if isAlive.isEmpty { isAlive = [Bool](repeating: false, count: channels) }
      for (index, value) in values.enumerated() {
        if value == 0 { zeros += 1 } else { isAlive[index % channels] = true }
        sum += Double(value)
        squares += Double(value) * Double(value)
      }
      count += values.count
    }

    func record(_ path: String) -> ActivationRecord {
      let n = Double(max(count, 1))
      return ActivationRecord(
        path: path, channels: isAlive.count, deadChannels: isAlive.count { !$0 }, zeros: Double(zeros) / n,
        mean: sum / n, deviation: max(squares / n - sum / n * (sum / n), 0).squareRoot())
    }
  }

  /// Kernels `[k, k, 3, O]` as tiles with a pixel between them, each kernel's weights from its most negative (black) to its most
  /// positive (white), 0 at the same gray in all.
  ///
  /// - Returns: `nil` where they do not see three channels, or are single pixels.
  package static func picture(of kernels: [Float], shape: Shape) throws -> RGBImage? {
    guard shape.rank == 4, shape[2] == 3, shape[0] > 1, shape[3] > 0, shape[3] <= 4096 else { return nil }
    let (height, width, outputs) = (shape[0], shape[1], shape[3])
    let columns = min(outputs, 16)
    let rows = (outputs + columns - 1) / columns
    let size = (width: columns * (width + 1) + 1, height: rows * (height + 1) + 1)
    var pixels = [UInt8](repeating: 128, count: 3 * size.width * size.height)
    for output in 0..<outputs {
      func weight(_ y: Int, _ x: Int, _ channel: Int) -> Float {
        kernels[((y * width + x) * 3 + channel) * outputs + output]
      }
      var largest: Float = 0
      for y in 0..<height {
        for x in 0..<width {
          for channel in 0..<3 where weight(y, x, channel).isFinite {
            largest = max(largest, abs(weight(y, x, channel)))
          }
        }
      }
      let (top, left) = (output / columns * (height + 1) + 1, output % columns * (width + 1) + 1)
      for y in 0..<height {
        for x in 0..<width {
          for channel in 0..<3 {
            let value = weight(y, x, channel)
            let shade = value.isFinite && largest > 0 ? 127.5 + 127.5 * value / largest : 128
            pixels[3 * ((top + y) * size.width + left + x) + channel] = UInt8(shade.rounded())
          }
        }
      }
    }
    return try RGBImage(width: size.width, height: size.height, pixels: pixels)
  }
}
