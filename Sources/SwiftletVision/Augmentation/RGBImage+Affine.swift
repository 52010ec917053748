// RGBImage+Affine.swift: shears, shifts and turns to the nearest pixel, black where nothing is (Pillow's Image.transform).

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension RGBImage {
  /// The image with the transform that was applied. `sampling` maps each point of the result to the point of this
  /// image that appears there; it is the inverse of the transform.
  func transformed(by sampling: ImageTransform) -> TransformedImage {
    TransformedImage(sampled(by: sampling), sampling.inverse ?? .identity)
  }

  private func sampled(by map: ImageTransform) -> RGBImage {
    var result = [UInt8](repeating: 0, count: pixels.count)
    result.withUnsafeMutableBufferPointer { target in
      pixels.withUnsafeBufferPointer { source in
        let (right, bottom) = (Double(width), Double(height))
        var to = 0
        for row in 0..<height {
          let y = Double(row) + 0.5
          for column in 0..<width {
            let x = Double(column) + 0.5
            let (fromX, fromY) = map(x: x, y: y)
            if fromX >= 0, fromX < right, fromY >= 0, fromY < bottom {
              let from = 3 * (Int(fromY) * width + Int(fromX))
              target[to] = source[from]
              target[to + 1] = source[from + 1]
              target[to + 2] = source[from + 2]
            }
            to += 3
          }
        }
      }
    }
    return RGBImage(width: width, height: height, valid: result)
  }

  /// Each row shifted to the left by `shear` times its distance from the top.
  package func shearedX(_ shear: Double) -> RGBImage { sampled(by: .shear(x: shear)) }

  /// Each column shifted upwards by `shear` times its distance from the left.
  package func shearedY(_ shear: Double) -> RGBImage { sampled(by: .shear(y: shear)) }

  /// The image rotated counterclockwise about its center.
  package func rotated(degrees: Double) -> RGBImage { sampled(by: .rotation(degrees: degrees, of: self)) }
}

extension ImageTransform {
  /// Adds a share of y to x, or of x to y.
  static func shear(x: Double = 0, y: Double = 0) -> ImageTransform { ImageTransform(xy: x, yx: y) }

  /// The sampling of an image that is rotated counterclockwise about its center: from points of the result to points of the image.
  static func rotation(degrees: Double, of image: RGBImage) -> ImageTransform {
    let angle = -degrees * .pi / 180
    let (cosine, sine) = (cos(angle), sin(angle))
    let (x, y) = (Double(image.width) / 2, Double(image.height) / 2)
    return ImageTransform(
      xx: cosine, xy: sine, x0: x - cosine * x - sine * y, yx: -sine, yy: cosine,
      y0: y + sine * x - cosine * y)
  }
}
