// Image+Affine.swift: shears, shifts and turns to the nearest pixel, black where nothing is (Pillow's Image.transform).

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Image {
  /// Pixel (x, y) of the result is the one at x · `xx` + y · `xy` + `x0` and x · `yx` + y · `yy` + `y0`, where the centre of
  /// the first pixel is at (0.5, 0.5).
  private func transformed(
    xx: Double = 1, xy: Double = 0, x0: Double = 0, yx: Double = 0, yy: Double = 1, y0: Double = 0
  ) -> Image {
    var result = [UInt8](repeating: 0, count: pixels.count)
    result.withUnsafeMutableBufferPointer { target in
      pixels.withUnsafeBufferPointer { source in
        let (right, bottom) = (Double(width), Double(height))
        var to = 0
        for row in 0..<height {
          let y = Double(row) + 0.5
          for column in 0..<width {
            let x = Double(column) + 0.5
            let (fromX, fromY) = (xx * x + xy * y + x0, yx * x + yy * y + y0)
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
    return Image(width: width, height: height, valid: result)
  }

  /// Each row shifted to the left by `shear` times its distance from the top.
  package func shearedX(_ shear: Double) -> Image { transformed(xy: shear) }

  /// Each column shifted upwards by `shear` times its distance from the left.
  package func shearedY(_ shear: Double) -> Image { transformed(yx: shear) }

  /// The picture turned against the clock around its middle.
  package func rotated(degrees: Double) -> Image {
    let angle = -degrees * .pi / 180
    let (cosine, sine) = (cos(angle), sin(angle))
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    return transformed(
      xx: cosine, xy: sine, x0: x - cosine * x - sine * y, yx: -sine, yy: cosine,
      y0: y + sine * x - cosine * y)
  }
}
