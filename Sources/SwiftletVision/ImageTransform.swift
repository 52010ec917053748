// ImageTransform.swift: the transform of an image's points by cropping, resizing, flipping or rotation.

/// An affine map from points of a source image to points of the image that was made of it:
/// x′ = xx · x + xy · y + x0 and y′ = yx · x + yy · y + y0.
///
/// Coordinates are in pixels; the center of the first pixel is at (0.5, 0.5). With it, boxes and key points of a source
/// image can follow its augmentations.
public struct ImageTransform: Sendable, Hashable, Codable {
  /// The coefficients of x′, and of y′.
  public var xx: Double, xy: Double, x0: Double
  public var yx: Double, yy: Double, y0: Double

  /// Creates a transform; without arguments the one that changes nothing.
  public init(
    xx: Double = 1, xy: Double = 0, x0: Double = 0, yx: Double = 0, yy: Double = 1, y0: Double = 0
  ) {
    (self.xx, self.xy, self.x0, self.yx, self.yy, self.y0) = (xx, xy, x0, yx, yy, y0)
  }

  /// The transform that changes nothing.
  public static let identity = ImageTransform()

  /// Moves points by (x, y).
  public static func translation(x: Double, y: Double) -> ImageTransform { ImageTransform(x0: x, y0: y) }

  /// Scales each axis about the origin.
  public static func scaling(x: Double, y: Double) -> ImageTransform { ImageTransform(xx: x, yy: y) }

  /// The image of a point under the transform.
  public func callAsFunction(x: Double, y: Double) -> (x: Double, y: Double) {
    (xx * x + xy * y + x0, yx * x + yy * y + y0)
  }

  /// This transform, then another one.
  public func then(_ next: ImageTransform) -> ImageTransform {
    let origin = next(x: x0, y: y0)
    return ImageTransform(
      xx: next.xx * xx + next.xy * yx, xy: next.xx * xy + next.xy * yy, x0: origin.x,
      yx: next.yx * xx + next.yy * yx, yy: next.yx * xy + next.yy * yy, y0: origin.y)
  }

  /// The transform from the result back to the source; `nil` where the map is not invertible.
  public var inverse: ImageTransform? {
    let determinant = xx * yy - xy * yx
    guard determinant != 0, determinant.isFinite else { return nil }
    let (a, b, c, d) = (yy / determinant, -xy / determinant, -yx / determinant, xx / determinant)
    return ImageTransform(xx: a, xy: b, x0: -(a * x0 + b * y0), yx: c, yy: d, y0: -(c * x0 + d * y0))
  }
}

/// An image, and how it came from its source.
public struct TransformedImage: Sendable, Equatable {
  /// The image.
  public var image: RGBImage
  /// From points of the source image to points of ``image``.
  public var transform: ImageTransform

  /// An image that is its own source, or has come from one by `transform`.
  public init(_ image: RGBImage, _ transform: ImageTransform = .identity) {
    self.image = image
    self.transform = transform
  }

  /// The result of a further step on ``image``.
  func then(_ step: (RGBImage) throws -> TransformedImage) rethrows -> TransformedImage {
    let next = try step(image)
    return TransformedImage(next.image, transform.then(next.transform))
  }
}
