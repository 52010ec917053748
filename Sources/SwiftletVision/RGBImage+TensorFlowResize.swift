// RGBImage+TensorFlowResize.swift: tf.image.resize_bilinear: interpolation between 4 pixels, in float32, without
// antialias (TensorFlow's kernel resize_bilinear, align_corners false).

import SwiftletCore

extension RGBImage {
  /// The image at another size as TensorFlow computes it, fractions kept.
  ///
  /// - Parameters:
  ///   - width: pixels per row.
  ///   - height: rows.
  ///   - halfPixelCenters: whether pixel `i` lies at coordinate `i + 0.5` (TensorFlow 2) or `i` (TensorFlow 1,
  ///     and the published MobileNets' evaluation).
  /// - Returns: a `float32` tensor `[1, height, width, 3]` of values from 0 to 255.
  /// - Throws: ``VisionError`` as ``resized(width:height:filter:)``.
  public func resizedFloats(width: Int, height: Int, halfPixelCenters: Bool) throws -> Tensor {
    try Self.checkSize(width: width, height: height, what: "resized image")
    let values = tensorFlowResized(
      width: width, height: height, halfPixelCenters: halfPixelCenters,
      region: PixelRegion(x: 0, y: 0, width: width, height: height))
    return try Tensor(shape: [1, height, width, 3], floats: values)
  }

  /// Part of the image at another size. The region is inside, and of a size that has been checked.
  func tensorFlowResized(
    width: Int, height: Int, halfPixelCenters: Bool, region: PixelRegion
  ) -> [Float] {
    let columns = Self.neighbors(
      source: self.width, target: width, range: region.x..<(region.x + region.width), halfPixelCenters)
    let rows = Self.neighbors(
      source: self.height, target: height, range: region.y..<(region.y + region.height), halfPixelCenters)
    let count = 3 * region.width * region.height
    return [Float](unsafeUninitializedCapacity: count) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        var output = 0
        for row in rows {
          let top = 3 * row.lower * self.width
          let bottom = 3 * row.upper * self.width
          for column in columns {
            let (left, right) = (3 * column.lower, 3 * column.upper)
            for channel in 0..<3 {
              let topLeft = Float(source[top + left + channel])
              let topRight = Float(source[top + right + channel])
              let bottomLeft = Float(source[bottom + left + channel])
              let bottomRight = Float(source[bottom + right + channel])
              let above = topLeft + (topRight - topLeft) * column.fraction
              let below = bottomLeft + (bottomRight - bottomLeft) * column.fraction
              target[output] = above + (below - above) * row.fraction
              output += 1
            }
          }
        }
      }
      initialized = count
    }
  }

  private struct Neighbors {
    let lower: Int
    let upper: Int
    let fraction: Float
  }

  private static func neighbors(
    source: Int, target: Int, range: Range<Int>, _ halfPixelCenters: Bool
  ) -> [Neighbors] {
    let scale = Float(source) / Float(target)
    return range.map { index in
      let position = halfPixelCenters ? (Float(index) + 0.5) * scale - 0.5 : Float(index) * scale
      let floor = position.rounded(.down)
      // Rounding of very long sides may step past the end.
      return Neighbors(
        lower: min(max(Int(floor), 0), source - 1), upper: min(Int(position.rounded(.up)), source - 1),
        fraction: position - floor)
    }
  }
}
