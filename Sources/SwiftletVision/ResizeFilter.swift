// ResizeFilter.swift: the weights with which source pixels enter a resized pixel.
// (Separable convolution with a kernel that is stretched when shrinking: Heckbert, "Zoom", Graphics Gems III;
// bicubic: Keys, "Cubic convolution interpolation for digital image processing", 1981, a = -0.5.)

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The weights of pixels when an image changes its size.
///
/// The first four are Pillow's: they average over all source pixels that a new pixel covers (antialias). The
/// last two are TensorFlow's `resize_bilinear`, which looks at 4 source pixels however much it shrinks.
public enum ResizeFilter: String, Sendable, Codable, Hashable, CaseIterable {
  case box, bilinear, bicubic, lanczos
  /// TensorFlow 1's bilinear: pixel `i` lies at coordinate `i` (`half_pixel_centers` false).
  case tensorFlowBilinear
  /// TensorFlow 2's bilinear without antialias: pixel `i` lies at `i + 0.5` (`half_pixel_centers` true).
  case tensorFlowBilinearHalfPixel

  /// Half the width of the kernel, in pixels; `nil` for TensorFlow's.
  var support: Double? {
    switch self {
    case .box: 0.5
    case .bilinear: 1
    case .bicubic: 2
    case .lanczos: 3
    case .tensorFlowBilinear, .tensorFlowBilinearHalfPixel: nil
    }
  }

  /// The kernel at `offset` pixels from its center.
  fileprivate func weight(at offset: Double) -> Double {
    let distance = abs(offset)
    switch self {
    case .box: return offset > -0.5 && offset <= 0.5 ? 1 : 0
    case .bilinear, .tensorFlowBilinear, .tensorFlowBilinearHalfPixel: return max(0, 1 - distance)
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0
    case .lanczos:
      guard offset >= -3, offset < 3 else { return 0 }
      return Self.sinc(offset) * Self.sinc(offset / 3)
    }
  }

  private static func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
}

/// For each of a range of new pixels along one side: the first source pixel, how many, and their weights.
package struct FilterTaps: Sendable {
  /// Weights are integers in units of 2^-22: 32 bits less 8 for the pixel and 2 for overshoot.
  static let fractionBits: Int32 = 22

  package private(set) var starts: [Int] = []
  package private(set) var counts: [Int] = []
  /// `stride` weights for each new pixel.
  private(set) var weights: [Int32] = []
  package let stride: Int

  /// All taps of a side that is resized with Pillow's bilinear filter.
  package static func bilinear(from source: Int, to target: Int) -> FilterTaps {
    FilterTaps(source: source, target: target, range: 0..<target, filter: .bilinear, support: 1)
  }

  /// The weights as numbers, ``stride`` for each new pixel: those of one sum to 1.
  package var shares: [Float] { weights.map { Float($0) / Float(1 << Self.fractionBits) } }

  /// The first source pixel that any new pixel needs, and the end of the last.
  var sourceRange: Range<Int> {
    let end = zip(starts, counts).lazy.map { $0 + $1 }.max() ?? 0
    return (starts.min() ?? 0)..<end
  }

  /// Renumbers the source pixels.
  mutating func shift(by offset: Int) { starts = starts.map { $0 + offset } }

  /// - Parameters:
  ///   - source: pixels along the side now.
  ///   - target: pixels along the side then.
  ///   - range: the range of those that are computed.
  ///   - support: the filter's.
  init(source: Int, target: Int, range: Range<Int>, filter: ResizeFilter, support: Double) {
    let scale = Double(source) / Double(target)
    let stretch = max(scale, 1)
    let reach = support * stretch
    stride = Int(reach.rounded(.up)) * 2 + 1
    starts.reserveCapacity(range.count)
    counts.reserveCapacity(range.count)
    weights.reserveCapacity(range.count * stride)
    var exact = [Double](repeating: 0, count: stride)
    for index in range {
      let center = (Double(index) + 0.5) * scale
      let start = max(0, Int(center - reach + 0.5))
      let count = max(0, min(source, Int(center + reach + 0.5)) - start)
      var sum = 0.0
      for tap in 0..<count {
        exact[tap] = filter.weight(at: (Double(tap + start) - center + 0.5) * (1 / stretch))
        sum += exact[tap]
      }
      starts.append(start)
      counts.append(count)
      let one = Double(1 << Self.fractionBits)
      for tap in 0..<stride {
        let weight = tap < count ? (sum != 0 ? exact[tap] / sum : exact[tap]) : 0
        weights.append(Int32(weight * one + (weight < 0 ? -0.5 : 0.5)))
      }
    }
  }
}
