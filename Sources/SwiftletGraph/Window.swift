// Window.swift: the sliding window that convolutions and pools share.

/// Zeros around a feature map, in pixels.
public struct Padding: Hashable, Sendable, Codable {
  /// Rows above and below, columns left and right.
  public let top: Int, left: Int, bottom: Int, right: Int

  /// Creates a padding with its four sides.
  public init(top: Int, left: Int, bottom: Int, right: Int) {
    self.top = top
    self.left = left
    self.bottom = bottom
    self.right = right
  }

  /// The same on all sides.
  public init(_ all: Int) { self.init(top: all, left: all, bottom: all, right: all) }

  /// None.
  public static let none = Padding(0)
}

/// A square kernel that slides over the rows and columns of `[N, H, W, C]`.
public struct Window: Hashable, Sendable, Codable {
  /// Height and width of the kernel, in pixels.
  public let kernel: Int
  /// Pixels that it moves at each step.
  public let stride: Int
  /// Zeros around the input.
  public let padding: Padding

  /// The largest kernel and stride that are accepted.
  static let largest = 4096

  /// Creates a window.
  public init(kernel: Int, stride: Int = 1, padding: Padding = .none) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  /// Rows and columns of the output for an input `[N, H, W, C]`.
  ///
  /// - Throws: ``OperationError`` where the input is not a feature map, where kernel, stride or padding are
  ///   not sensible, or where not even one window fits.
  func output(_ input: TensorType, channels: Int) throws -> TensorType {
    let shape = try input.featureMap()
    guard (1...Self.largest).contains(kernel), (1...Self.largest).contains(stride) else {
      throw OperationError("kernel \(kernel) and stride \(stride) must be between 1 and \(Self.largest)")
    }
    let sides = [padding.top, padding.left, padding.bottom, padding.right]
    guard sides.allSatisfy({ 0 <= $0 && $0 < kernel }) || sides == [0, 0, 0, 0] else {
      throw OperationError("padding \(sides) must be less than the kernel, \(kernel)")
    }
    let height = shape[1] + padding.top + padding.bottom - kernel
    let width = shape[2] + padding.left + padding.right - kernel
    guard height >= 0, width >= 0 else {
      throw OperationError("a \(kernel)×\(kernel) window does not fit in \(shape) with padding \(sides)")
    }
    return TensorType([shape[0], height / stride + 1, width / stride + 1, channels], input.scalarType)
  }

  /// Calls `body` once for each pair of an output pixel and a kernel tap that falls inside the input.
  ///
  /// Pixels are numbered through the batch, (n·H + y)·W + x; taps are ky·kernel + kx. Pairs come in the order
  /// output pixel, then tap.
  @inline(__always)
  package func forEachTap(
    input: Shape, output: Shape, _ body: (_ inputPixel: Int, _ tap: Int, _ outputPixel: Int) -> Void
  ) {
    let (height, width) = (input[1], input[2])
    for n in 0..<output[0] {
      for oy in 0..<output[1] {
        for ox in 0..<output[2] {
          let outputPixel = (n * output[1] + oy) * output[2] + ox
          for ky in 0..<kernel {
            let y = oy * stride + ky - padding.top
            if y < 0 || y >= height { continue }
            for kx in 0..<kernel {
              let x = ox * stride + kx - padding.left
              if x < 0 || x >= width { continue }
              body((n * height + y) * width + x, ky * kernel + kx, outputPixel)
            }
          }
        }
      }
    }
  }
}
